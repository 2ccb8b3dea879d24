// The float64 oracle and the errors measured against it.
#pragma once
#include "problem.cuh"

namespace harness {

// Sums over all outputs, for a kernel's result v and the exact y:
struct Errors {
  double square;  // (v − y)²
  double once;    // (r − y)², r from weights (q − z)·s rounded once to the activation type, float64
                  // sum, rounded to the output type
  double seed;    // the same with the weights round(round(q − z)·s)
  double exact;   // y²
  double worst;   // max |v − y| / (Σ|x·w| + |bias|)
  double notFinite;  // how many v are not finite
  double cuts;       // (2⁻²² · Σ over each 16 of the reduction of the partial sum's and the largest
                     // product's magnitude)²: see below
};

// Tensor cores add 16 products to a float32 sum by aligning all of them to the largest and cutting
// what falls off, always towards zero: less than two units in the last place of the larger of the
// sum and the largest product, each time, and in one direction if the products have one sign.
// `cuts` is that, in a plain order of summation; kernels' orders differ, their partial sums'
// magnitudes hardly.
constexpr double kCut = 0x1p-22;

struct OracleView {
  const uint8_t* codes;
  const float *scales, *zeros;
  const void *x, *out, *bias;
  int64_t M, N, K, groupSize, xStride, outStride;
  DataType type, outType, biasType;
  bool isSigned, transposed;
};

inline OracleView oracleView(const Weight& w, const FusedProblem& p) {
  return {w.codes.get(), w.scales.get(), w.zeros.get(), p.x,
          p.out,         p.bias,         p.M,           p.N,
          p.K,           p.groupSize,    p.xStride,     p.outStride,
          p.xType,       p.outType,      p.biasType,    w.isSigned,
          p.transposed};
}

// One thread an output; consecutive threads take consecutive features.
__global__ void measureErrors(const OracleView p, Errors* total) {
  const int64_t features = p.transposed ? p.K : p.N, reduction = p.transposed ? p.N : p.K;
  Errors mine{};
  GRID_STRIDE(i, p.M * features) {
    const int64_t m = i / features, f = i % features;
    double exact = 0, once = 0, seed = 0, magnitude = 0, largest = 0, cuts = 0;
    for (int64_t r = 0; r < reduction; r++) {
      const int64_t n = p.transposed ? r : f, k = p.transposed ? f : r;
      int code = p.codes[(k >> 1) * p.N + n] >> (k & 1) * 4 & 15;
      if (p.isSigned) code = (code ^ 8) - 8;
      const int64_t g = k / p.groupSize * p.N + n;
      const double s = p.scales[g], d = code - static_cast<double>(p.zeros[g]);
      const double x = loadAs(p.x, p.type, m * p.xStride + r);
      exact += x * (d * s);
      once += x * rounded(p.type, d * s);
      seed += x * rounded(p.type, rounded(p.type, d) * s);
      magnitude += fabs(x * d * s);
      largest = fmax(largest, fabs(x * d * s));
      if (r % 16 == 15 || r == reduction - 1) cuts += kCut * (fabs(exact) + largest), largest = 0;
    }
    const double bias = p.bias ? loadAs(p.bias, p.biasType, f) : 0.0;
    exact += bias;
    const double v = loadAs(p.out, p.outType, m * p.outStride + f);
    const double o = rounded(p.outType, once + bias), q = rounded(p.outType, seed + bias);
    mine.square += (v - exact) * (v - exact);
    mine.once += (o - exact) * (o - exact);
    mine.seed += (q - exact) * (q - exact);
    mine.exact += exact * exact;
    mine.worst = fmax(
        mine.worst, fmax(0.0, fabs(v - exact) - (p.outType == DataType::Float16 ? 0x1p-24 : 0.0)) /
                        (magnitude + fabs(bias) + 1e-30));
    mine.notFinite += isfinite(v) ? 0 : 1;
    mine.cuts += cuts * cuts;
  }
  __shared__ Errors parts[256];
  parts[threadIdx.x] = mine;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int t = 1; t < 256; t++) {
      mine.square += parts[t].square, mine.once += parts[t].once, mine.seed += parts[t].seed,
          mine.exact += parts[t].exact, mine.cuts += parts[t].cuts;
      mine.worst = fmax(mine.worst, parts[t].worst), mine.notFinite += parts[t].notFinite;
    }
    atomicAdd(&total->square, mine.square), atomicAdd(&total->once, mine.once),
        atomicAdd(&total->seed, mine.seed);
    atomicAdd(&total->exact, mine.exact), atomicAdd(&total->notFinite, mine.notFinite),
        atomicAdd(&total->cuts, mine.cuts);
    // non-negative doubles order as their bits
    atomicMax(reinterpret_cast<unsigned long long*>(&total->worst),
              static_cast<unsigned long long>(__double_as_longlong(mine.worst)));
  }
}

// Bytes outside the M × features outputs that no longer hold the poison 0xFF; and a hash of all
// bytes.
__global__ void inspectOutput(const uint8_t* out, int64_t bytes, int64_t lead, int64_t rowBytes,
                              int64_t usedBytes, int64_t rows, unsigned long long* dirty,
                              unsigned long long* hash) {
  unsigned long long bad = 0, sum = 0;
  GRID_STRIDE(i, bytes) {
    const int64_t at = i - lead;
    const bool used = at >= 0 && at / rowBytes < rows && at % rowBytes < usedBytes;
    bad += !used && out[i] != 0xFF;
    sum += mix(static_cast<uint32_t>(i) * 2654435761u + out[i]);
  }
  if (bad) atomicAdd(dirty, bad);
  atomicAdd(hash, sum);
}

}  // namespace harness
