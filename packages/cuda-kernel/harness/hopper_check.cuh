// A random sweep of every Hopper shape, each case compared with the float64 oracle.
#pragma once
#include <cmath>
#include <random>

#include "harness/oracle.cuh"
#include "heuristics/sm90a.hpp"
#include "kernels/sm90a/launch.hpp"

namespace harness::hopper {

using namespace w4a16;

struct Case {
  int64_t M, N, K, groupSize, xPad, outPad, outOffset;
  DataType type, outType, biasType;
  bool isSigned, transposed, bias;
  int parts;  // of a tail
  int shape;  // −1: the heuristics choose
  ScaleKind scaleKind;
  ZeroKind zeroKind;
  float mean;
  uint32_t seed;
};

// Counts output bytes that the kernel should not have written (guards, gaps between rows), and
// hashes the rest.
__global__ void inspect(const uint8_t* bytes, int64_t count, int64_t lead, int64_t strideBytes,
                        int64_t rowBytes, int64_t rows, unsigned long long* touched,
                        unsigned long long* hash) {
  unsigned long long dirty = 0, sum = 0;
  GRID_STRIDE(i, count) {
    const int64_t at = i - lead;
    const bool inside = at >= 0 && at / strideBytes < rows && at % strideBytes < rowBytes;
    if (inside)
      sum +=
          static_cast<unsigned long long>(mix(bytes[i] + static_cast<uint32_t>(i) * 2654435761u));
    else
      dirty += bytes[i] != 0xFF;
  }
  if (dirty) atomicAdd(touched, dirty);
  atomicAdd(hash, sum);
}

class Checker {
 public:
  int failures = 0, cases = 0, perShape[sm90a::kShapeCount][2] = {};
  double worstRatio = 0, worstOfBound = 0, square[2] = {}, seedSquare[2] = {};

  Checker() : errors_(1), counts_(2), workspace_(64 << 20), counters_(1 << 12) {
    CUDA_CHECK(cudaDeviceGetAttribute(&sms_, cudaDevAttrMultiProcessorCount, 0));
    CUDA_CHECK(cudaMemset(counters_.get(), 0, counters_.bytes()));
    // The workspace starts as NaN: a partial tile read before it was written would show.
    CUDA_CHECK(cudaMemset(workspace_.get(), 0xFF, workspace_.bytes()));
  }

  void run(const Case& c) {
    weight_.make(c.N, c.K, c.groupSize, c.type, c.isSigned, c.scaleKind, c.zeroKind, c.seed);
    const int64_t features = c.transposed ? c.K : c.N, reduction = c.transposed ? c.N : c.K;
    const int64_t xStride = reduction + c.xPad, outStride = features + c.outPad;
    const int ob = dataTypeBytes(c.outType);
    x_.resize((c.M * xStride + 64) * 2), bias_.resize(features * 4);
    const int64_t lead = 256 + c.outOffset * ob, outBytes = lead + c.M * outStride * ob + 256;
    out_.resize(outBytes);
    CUDA_CHECK(cudaMemsetAsync(x_.get(), 0xFF, x_.bytes()));  // between the rows of x: NaN
    fillActivations<<<gridFor(c.M * reduction), 256>>>(x_.get(), c.type, c.M, reduction, xStride,
                                                       c.mean, c.seed * 7 + 3);
    fillActivations<<<gridFor(features), 256>>>(bias_.get(), c.biasType, 1, features, features, 0.f,
                                                c.seed * 13 + 1);
    const FusedProblem p{weight_.packed.get(),
                         weight_.params.get(),
                         x_.get(),
                         out_.get() + lead,
                         c.bias ? bias_.get() : nullptr,
                         xStride,
                         outStride,
                         c.M,
                         c.N,
                         c.K,
                         c.groupSize,
                         c.type,
                         c.outType,
                         c.biasType,
                         c.transposed,
                         weight_.outScale()};
    if (const char* reason = sm90a::unsupported(p)) {
      std::printf("unsupported: %s\n", reason);
      failures++;
      return;
    }
    const sm90a::Plan plan = c.shape < 0 ? heuristics::chooseHopper(p, sms_)
                                         : sm90a::makePlan(p, c.shape, c.parts, sms_);
    if (sm90a::workspaceBytes(plan) > workspace_.bytes() ||
        sm90a::counterCount(plan) * 4 > counters_.bytes()) {
      std::printf("workspace too small\n");
      failures++;
      return;
    }
    unsigned long long hashes[3], dirty = 0;
    for (int repeat = 0; repeat < 3; repeat++) {
      CUDA_CHECK(cudaMemsetAsync(out_.get(), 0xFF, outBytes));
      CUDA_CHECK(cudaMemsetAsync(counts_.get(), 0, 16));
      const cudaError_t error = sm90a::launchFused(p, plan, workspace_.get(), counters_.get(), 0);
      if (error != cudaSuccess) {
        describe(cudaGetErrorString(error), c, plan);
        std::exit(4);
      }
      inspect<<<gridFor(outBytes), 256>>>(out_.get(), outBytes, lead, outStride * ob, features * ob,
                                          c.M, counts_.get(), counts_.get() + 1);
      unsigned long long counts[2];
      const cudaError_t ran = cudaMemcpy(counts, counts_.get(), 16, cudaMemcpyDeviceToHost);
      if (ran != cudaSuccess) {
        describe(cudaGetErrorString(ran), c, plan);
        std::exit(4);
      }
      dirty += counts[0], hashes[repeat] = counts[1];
    }
    CUDA_CHECK(cudaMemsetAsync(errors_.get(), 0, sizeof(Errors)));
    measureErrors<<<gridFor(c.M * features), 256>>>(oracleView(weight_, p), errors_.get());
    Errors e;
    CUDA_CHECK(cudaMemcpy(&e, errors_.get(), sizeof e, cudaMemcpyDeviceToHost));
    judge(c, plan, e, dirty, hashes[0] == hashes[1] && hashes[0] == hashes[2]);
  }

 private:
  static void describe(const char* what, const Case& c, const sm90a::Plan& plan) {
    std::printf(
        "%s M %lld N %lld K %lld G %lld %s -> %s %s %s bias %d(%s) shape %d direct %d of %d tiles, "
        "parts %d x pad %lld out pad %lld offset %lld scales %d zeros %d mean %g seed %u\n",
        what, (long long)c.M, (long long)c.N, (long long)c.K, (long long)c.groupSize,
        nameOf(c.type), nameOf(c.outType), c.transposed ? "transposed" : "forward",
        c.isSigned ? "s4" : "u4", c.bias, nameOf(c.biasType), plan.shape, plan.schedule.direct,
        plan.schedule.tiles, plan.schedule.parts, (long long)c.xPad, (long long)c.outPad,
        (long long)c.outOffset, (int)c.scaleKind, (int)c.zeroKind, c.mean, c.seed);
  }

  void judge(const Case& c, const sm90a::Plan& plan, const Errors& e, unsigned long long dirty,
             bool repeats) {
    cases++;
    const bool shared = plan.schedule.parts > 1;
    perShape[plan.shape][shared]++;
    const double relative = e.exact > 0 ? std::sqrt(e.square / e.exact) : std::sqrt(e.square);
    const double baseline = e.exact > 0 ? std::sqrt(e.seed / e.exact) : 0;
    const double step = c.type == DataType::Float16 ? 0x1p-11 : 0x1p-8;
    const double outStep = c.outType == DataType::Float16    ? 0x1p-11
                           : c.outType == DataType::BFloat16 ? 0x1p-8
                                                             : 0x1p-23;
    bool ok = dirty == 0 && repeats && e.notFinite == 0;
    // Below float16's normal range rounding is absolute. With few features, or few scales and zero
    // points, the two roundings' errors are too few to compare: a single zero point may be the
    // worst there is for one of them.
    const int64_t features = c.transposed ? c.K : c.N, parameters = c.N * ceilDiv(c.K, c.groupSize);
    const bool enough = features >= 32 && parameters >= 32;
    // 1.5 times the seed's rounding of weights and output, and what the tensor cores cut off
    // (oracle.cuh).
    const double cuts = e.exact > 0 ? std::sqrt(e.cuts / e.exact) : 0;
    if (c.scaleKind != ScaleKind::Tiny)
      ok = ok && (!enough || relative <= 1.5 * baseline + cuts + 1e-6) &&
           e.worst <= 2 * (step + outStep);
    if (!ok) {
      failures++;
      describe("FAILED", c, plan);
      std::printf(
          "   relative %.3e, seed rounding %.3e, cuts %.3e, worst %.3e, dirty %llu, repeats %d, "
          "not finite %g\n",
          relative, baseline, cuts, e.worst, dirty, repeats, e.notFinite);
    }
    if (c.scaleKind == ScaleKind::Tiny || e.exact == 0) return;
    square[c.type == DataType::Float16] += e.square / e.exact,
        seedSquare[c.type == DataType::Float16] += e.seed / e.exact;
    if (baseline > 0) worstRatio = std::fmax(worstRatio, relative / baseline);
    if (baseline > 0 && enough)
      worstOfBound = std::fmax(worstOfBound, relative / (1.5 * baseline + cuts + 1e-6));
  }

  int sms_ = 0;
  Weight weight_;
  Buffer<uint8_t> x_, bias_, out_;
  Buffer<Errors> errors_;
  Buffer<unsigned long long> counts_;
  Buffer<float> workspace_;
  Buffer<uint32_t> counters_;
};

// One random case. Small enough for the oracle, odd enough to meet every edge.
inline Case randomCase(std::mt19937& rng, uint32_t seed, int index) {
  const auto pick = [&](int64_t lo, int64_t hi) {
    return lo + static_cast<int64_t>(rng() % static_cast<uint64_t>(hi - lo + 1));
  };
  const auto of = [&](std::initializer_list<int64_t> list) {
    return list.begin()[rng() % list.size()];
  };
  Case c{};
  c.seed = seed;
  c.shape = index % (sm90a::kShapeCount + 1) - 1;  // every shape in turn, and the choice
  c.M = pick(0, 2) ? pick(1, 300)
                   : of({1, 2, 3, 7, 8, 15, 16, 17, 33, 63, 64, 65, 127, 128, 129, 257, 513});
  c.N = pick(0, 2) ? pick(1, 700) : of({1, 8, 48, 64, 72, 128, 200, 256, 320, 1024, 1100, 2048});
  const int64_t g = of({32, 64, 96, 128, 256});
  if (pick(0, 4) == 0)
    c.K = pick(1, 600) * 2, c.groupSize = c.K;
  else
    c.K = g * pick(1, 2600 / g), c.groupSize = g;
  c.type = pick(0, 1) ? DataType::BFloat16 : DataType::Float16;
  c.outType = pick(0, 3) ? c.type : DataType::Float32;
  c.biasType = static_cast<DataType>(pick(0, 2));
  c.bias = pick(0, 3) == 0;
  c.isSigned = pick(0, 1), c.transposed = pick(0, 1), c.parts = static_cast<int>(pick(1, 4));
  const int64_t reduction = c.transposed ? c.N : c.K;
  c.xPad = (8 - reduction % 8) % 8 +
           (pick(0, 1) ? 0 : of({8, 16, 64}));  // rows 16 bytes apart, as these kernels want
  c.outPad = pick(0, 1) ? 0 : of({1, 2, 4, 8, 40});
  c.outOffset = pick(0, 3) ? 0 : pick(1, 9);
  c.scaleKind = pick(0, 3) ? ScaleKind::Ordinary : static_cast<ScaleKind>(pick(0, 3));
  c.zeroKind = pick(0, 2) ? ZeroKind::Hqq : static_cast<ZeroKind>(pick(0, 4));
  c.mean = pick(0, 5) ? 0.f : 4.f;
  return c;
}

inline int runSweep(int count, uint32_t seed) {
  Checker checker;
  std::mt19937 rng(seed);
  // Each shape with a reduction that fills its ring several times over, in both directions (not in
  // a short sweep, for the sanitizer).
  for (int shape = 0; shape < (count < 100 ? 0 : sm90a::kShapeCount); shape++)
    for (int variant = 0; variant < 4 && checker.failures <= 20; variant++) {
      const bool transposed = variant & 1;
      checker.run({sm90a::kShapes[shape].tokens + 5, transposed ? 14336 : 200,
                   transposed ? 192 : 14336, variant & 2 ? 32 : 64, 0, 0, 0, DataType::BFloat16,
                   DataType::BFloat16, DataType::Float32, false, transposed, false, 3, shape,
                   ScaleKind::Ordinary, ZeroKind::Hqq, 0.f, 17u});
    }
  for (int i = 0; i < count && checker.failures <= 20; i++)
    checker.run(randomCase(rng, seed * 100003u + i, i));
  std::printf("cases by shape (whole tiles or pairs, with parts):");
  for (int s = 0; s < sm90a::kShapeCount; s++)
    std::printf(" %d:%d,%d", s, checker.perShape[s][0], checker.perShape[s][1]);
  std::printf(
      "\nrms error over seed rounding: bf16 %.4f, fp16 %.4f; worst case %.3f, of the bound %.3f\n",
      std::sqrt(checker.square[0] / checker.seedSquare[0]),
      std::sqrt(checker.square[1] / checker.seedSquare[1]), checker.worstRatio,
      checker.worstOfBound);
  std::printf("sweep: %d cases, %d failures\n", checker.cases, checker.failures);
  return checker.failures;
}

}  // namespace harness::hopper
