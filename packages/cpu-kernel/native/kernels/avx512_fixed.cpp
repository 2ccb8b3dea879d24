// Fixed-point activations with vpdpbusd (AVX-512 VNNI).
//
// Each block of a row is rounded to integers q = round(x / step), written in signed base-256 digits,
// and multiplied by the codes in exact integer arithmetic; scale, step and the real-valued zero are
// applied to the integer sum once:
//     y += scale · step · (Σ q·(code - 8) - (zero - 8)·Σ q)
// Two digits (16 bits) carry float16 activations, three (23 bits) others; a float16 row whose
// own values would lose too much in 16 bits takes three. Both sums run over the same q, so the only
// error is that of rounding x.
#include <immintrin.h>

#include "kernels/job.h"

namespace w4a16 {
namespace {
#include "kernels/vec_avx512.inl"
#include "kernels/rows.inl"

// 64 columns: the centred sum, at most (2^22 - 1) · 8 · 64, just fits an int32. What leads up to it
// may wrap around, which two's complement forgives.
constexpr size_t kBlockQuads = 16;
constexpr int kMicroRows = 6;
constexpr size_t kMaxDigits = 3;
constexpr float kLargest16 = 32639;    // 127·256 + 127, the largest with two signed digits
constexpr float kLargest23 = 4194303;  // 2^22 - 1
// Largest error, relative to the row, that a float16 row may take from its 16-bit steps: normally
// distributed values take 2.2e-5, values with an outlier in most blocks up to 7e-5. An estimate, so
// it is only relied on where a product has enough terms for chance to even out.
constexpr float kFloat16Error = 2.4e-5f;
constexpr size_t kFloat16Terms = size_t{1} << 20;

#include "kernels/blocks.inl"

// What a block of a row needs beside its digits.
struct BlockScale {
  float step;
  int32_t sum;  // Σ q
};

// Packed X: int8 [blocks][rows][digits, most significant first][quads · 4], then [blocks][rows].
size_t scalesOffset(const WeightView& w, size_t rows) {
  return roundUp(w.groups * w.quadsPerGroup * kQuad * rows * kMaxDigits, 64);
}

size_t packedBytes(const WeightView& w, bool, size_t rows) {
  return scalesOffset(w, rows) + blockCount(w) * rows * sizeof(BlockScale);
}

int8_t* packedRow(const Job& job, const Block& b, size_t row) {
  return reinterpret_cast<int8_t*>(job.packed) +
         (b.quad * job.rows + row * b.quads) * kQuad * kMaxDigits;
}

BlockScale* scalesOf(const Job& job, const Block& b) {
  return reinterpret_cast<BlockScale*>(job.packed + scalesOffset(*job.weight, job.rows)) +
         b.index * job.rows;
}

__mmask16 realLanes(size_t quads) {
  return __mmask16(0xffffu >> (16 - (quads < 4 ? quads : 4) * kQuad));
}

float largestOf(const float* x, size_t quads) {
  __m512 largest = _mm512_setzero_ps();
  for (size_t q = 0; q < quads; q += 4) {
    const __m512 v = _mm512_maskz_loadu_ps(realLanes(quads - q), x + q * kQuad);
    largest = _mm512_max_ps(largest, _mm512_abs_ps(v));
  }
  return _mm512_reduce_max_ps(largest);
}

// The class of a row: how many digits its values need.
RowClass classify(const Job& job, const float* x) {
  const WeightView& w = *job.weight;
  const size_t columns = w.quads * kQuad;
  if (isExceptional(largestMagnitude(x, columns))) return kExceptional;
  if (job.xType != DType::kFloat16 || w.n * w.k < kFloat16Terms) return kWide;
  // Rounding to steps s has variance s²/12 for each value.
  float noise = 0;
  const size_t blocks = blockCount(w);
  for (size_t i = 0; i < blocks; i++) {
    const Block b = blockAt(w, i);
    const float step = largestOf(x + b.quad * kQuad, b.quads) / kLargest16;
    noise += step * step * float(b.quads * kQuad) / 12;
  }
  __m512 squares = _mm512_setzero_ps();
  for (size_t k = 0; k < columns; k += 16) {
    const __m512 v = _mm512_loadu_ps(x + k);
    squares = _mm512_fmadd_ps(v, v, squares);
  }
  const float energy = _mm512_reduce_add_ps(squares);
  return noise <= kFloat16Error * kFloat16Error * energy ? kRegular : kWide;
}

size_t digitsOf(RowClass c) { return c == kRegular ? 2 : 3; }

void packBlock(const float* x, const Block& b, size_t digits, int8_t* to, BlockScale* scale) {
  const float largest = largestOf(x, b.quads);
  const float range = digits == 2 ? kLargest16 : kLargest23;
  // A block this far below the row's smallest allowed maximum adds nothing that float32 can show.
  const __m512 inverse = _mm512_set1_ps(largest > 0x1p-100f ? range / largest : 0);
  const size_t plane = b.quads * kQuad;
  __m512i sum = _mm512_setzero_si512();
  for (size_t q = 0; q < b.quads; q += 4) {
    const __mmask16 real = realLanes(b.quads - q);
    const __m512 v = _mm512_maskz_loadu_ps(real, x + q * kQuad);
    __m512i rest = _mm512_cvtps_epi32(_mm512_mul_ps(v, inverse));
    sum = _mm512_add_epi32(sum, rest);
    // The lowest signed digit is the low byte; what is left after taking it away is divisible.
    for (size_t d = digits; d-- > 0;) {
      const __m128i digit = _mm512_cvtepi32_epi8(rest);
      _mm_mask_storeu_epi8(to + d * plane + q * kQuad, real, digit);
      rest = _mm512_srai_epi32(_mm512_sub_epi32(rest, _mm512_cvtepi8_epi32(digit)), 8);
    }
  }
  scale->step = largest / range;
  scale->sum = _mm512_reduce_add_epi32(sum);
}

void pack(const Job& job, size_t begin, size_t end, uint8_t* scratch) {
  const WeightView& w = *job.weight;
  const size_t blocks = blockCount(w);
  float* x = reinterpret_cast<float*>(scratch);
  for (size_t m = begin; m < end; m++) {
    widenRow<Vec>(job, m, x);
    const RowClass c = classify(job, x);
    job.rowClass[m] = c;
    if (c == kExceptional) continue;
    for (size_t i = 0; i < blocks; i++) {
      const Block b = blockAt(w, i);
      packBlock(x + b.quad * kQuad, b, digitsOf(c), packedRow(job, b, m), scalesOf(job, b) + m);
    }
  }
}

struct Scratch {
  alignas(64) float y[kPanelRows * kTile];
};

size_t scratchBytes(const WeightView& w, bool) {
  const size_t row = w.quads * kQuad * sizeof(float);
  return row > sizeof(Scratch) ? row : sizeof(Scratch);
}

inline void unpackQuad(const uint8_t* codes, __m512i w[4]) {
  const __m512i low = _mm512_set1_epi8(15);
#pragma GCC unroll 2
  for (int half = 0; half < 2; half++) {
    const __m512i v = _mm512_load_si512(codes + half * 64);
    w[2 * half] = _mm512_and_si512(v, low);
    w[2 * half + 1] = _mm512_and_si512(_mm512_srli_epi16(v, 4), low);
  }
}

inline void prefetchQuad(const uint8_t* codes) {
  _mm_prefetch(reinterpret_cast<const char*>(codes + 4096), _MM_HINT_T0);
  _mm_prefetch(reinterpret_cast<const char*>(codes + 4160), _MM_HINT_T0);
}

struct Operands {
  const int8_t* x[kMicroRows];
  BlockScale scale[kMicroRows];
  const float *scales, *zeros;
  __m512 centre;
  size_t quads;
};

inline __m512i quadOf(const int8_t* x, size_t quad) {
  uint32_t bits;
  copyBytes(&bits, x + kQuad * quad, sizeof bits);
  return _mm512_set1_epi32(int(bits));
}

template <int ROWS>
inline void finish(const __m512i (*acc)[4], const Operands& o, float* y, bool first) {
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) {
    const __m512 scale = _mm512_loadu_ps(o.scales + 16 * j);
    const __m512 zero = _mm512_sub_ps(_mm512_loadu_ps(o.zeros + 16 * j), o.centre);
#pragma GCC unroll 6
    for (int i = 0; i < ROWS; i++) {
      const float sum = float(o.scale[i].sum);
      // Σ q·(code - 8), still exact.
      const __m512i centred =
          _mm512_sub_epi32(acc[i][j], _mm512_set1_epi32(int(uint32_t(o.scale[i].sum) * 8)));
      const __m512 t =
          _mm512_fnmadd_ps(zero, _mm512_set1_ps(sum), _mm512_cvtepi32_ps(centred));
      float* to = y + i * kTile + 16 * j;
      const __m512 before = first ? _mm512_setzero_ps() : _mm512_load_ps(to);
      const __m512 step = _mm512_mul_ps(scale, _mm512_set1_ps(o.scale[i].step));
      _mm512_store_ps(to, _mm512_fmadd_ps(t, step, before));
    }
  }
}

template <int ROWS, int DIGITS>
void micro(const Operands& o, const uint8_t* codes, float* y, bool first) {
  __m512i acc[ROWS][4];
#pragma GCC unroll 6
  for (int i = 0; i < ROWS; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) acc[i][j] = _mm512_setzero_si512();
  }
  const int8_t* x[ROWS];
  for (int i = 0; i < ROWS; i++) x[i] = o.x[i];
  // Horner's rule over the digits, most significant first.
  for (int d = 0; d < DIGITS; d++) {
    if (d > 0) {
#pragma GCC unroll 6
      for (int i = 0; i < ROWS; i++) {
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) acc[i][j] = _mm512_slli_epi32(acc[i][j], 8);
      }
    }
    for (size_t q = 0; q < o.quads; q++) {
      if (d == 0) prefetchQuad(codes + q * kQuadBytes);
      __m512i w[4];
      unpackQuad(codes + q * kQuadBytes, w);
#pragma GCC unroll 6
      for (int i = 0; i < ROWS; i++) {
        const __m512i a = quadOf(x[i], q);
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) acc[i][j] = _mm512_dpbusd_epi32(acc[i][j], w[j], a);
      }
    }
    for (int i = 0; i < ROWS; i++) x[i] += o.quads * kQuad;
  }
  finish<ROWS>(acc, o, y, first);
}

template <int DIGITS>
void microRows(int rows, const Operands& o, const uint8_t* codes, float* y, bool first) {
  switch (rows) {
    case 1: return micro<1, DIGITS>(o, codes, y, first);
    case 2: return micro<2, DIGITS>(o, codes, y, first);
    case 3: return micro<3, DIGITS>(o, codes, y, first);
    case 4: return micro<4, DIGITS>(o, codes, y, first);
    case 5: return micro<5, DIGITS>(o, codes, y, first);
    default: return micro<6, DIGITS>(o, codes, y, first);
  }
}

Operands operandsOf(const Job& job, const Block& b, size_t tile, size_t begin, size_t end) {
  const WeightView& w = *job.weight;
  Operands o;
  const size_t parameters = (tile * w.groups + b.group) * kTile;
  o.scales = w.scales + parameters;
  o.zeros = w.zeros + parameters;
  o.centre = _mm512_set1_ps(8 - w.codeBias);
  o.quads = b.quads;
  for (size_t i = begin; i < end; i++) {
    const size_t row = job.order[i];
    o.x[i - begin] = packedRow(job, b, row);
    o.scale[i - begin] = scalesOf(job, b)[row];
  }
  return o;
}

// One or two rows straight from the packed codes, one accumulator for each digit. Integer sums are
// exact, so the result is that of micro, bit for bit.
template <int ROWS, int DIGITS>
void direct(const Job& job, size_t tile, size_t begin, Scratch& s) {
  const WeightView& w = *job.weight;
  const size_t blocks = blockCount(w);
  for (size_t i = 0; i < blocks; i++) {
    const Block b = blockAt(w, i);
    const Operands o = operandsOf(job, b, tile, begin, begin + ROWS);
    const uint8_t* codes = w.codes + (tile * w.quads + b.quad) * kQuadBytes;
    __m512i acc[DIGITS][ROWS][4];
#pragma GCC unroll 3
    for (int d = 0; d < DIGITS; d++) {
#pragma GCC unroll 2
      for (int r = 0; r < ROWS; r++) {
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) acc[d][r][j] = _mm512_setzero_si512();
      }
    }
    const size_t plane = b.quads * kQuad;
    for (size_t q = 0; q < b.quads; q++, codes += kQuadBytes) {
      prefetchQuad(codes);
      __m512i v[4];
      unpackQuad(codes, v);
#pragma GCC unroll 3
      for (int d = 0; d < DIGITS; d++) {
#pragma GCC unroll 2
        for (int r = 0; r < ROWS; r++) {
          const __m512i a = quadOf(o.x[r] + d * plane, q);
#pragma GCC unroll 4
          for (int j = 0; j < 4; j++) {
            acc[d][r][j] = _mm512_dpbusd_epi32(acc[d][r][j], v[j], a);
          }
        }
      }
    }
#pragma GCC unroll 3
    for (int d = 1; d < DIGITS; d++) {
#pragma GCC unroll 2
      for (int r = 0; r < ROWS; r++) {
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
          acc[0][r][j] = _mm512_add_epi32(_mm512_slli_epi32(acc[0][r][j], 8), acc[d][r][j]);
        }
      }
    }
    finish<ROWS>(acc[0], o, s.y, i == 0);
  }
  for (int r = 0; r < ROWS; r++) {
    storeRow<Vec>(job, job.order[begin + r], tile * kTile, tileColumns(w.n, tile), s.y + r * kTile);
  }
}

template <int DIGITS>
void panel(const Job& job, size_t tile, size_t begin, size_t end, Scratch& s) {
  const WeightView& w = *job.weight;
  const size_t blocks = blockCount(w);
  const size_t rows = end - begin, steps = (rows + kMicroRows - 1) / kMicroRows;
  for (size_t i = 0; i < blocks; i++) {
    const Block b = blockAt(w, i);
    const uint8_t* codes = w.codes + (tile * w.quads + b.quad) * kQuadBytes;
    for (size_t step = 0; step < steps; step++) {
      const size_t from = rows * step / steps, to = rows * (step + 1) / steps;
      microRows<DIGITS>(int(to - from), operandsOf(job, b, tile, begin + from, begin + to), codes,
                        s.y + from * kTile, i == 0);
    }
  }
  for (size_t r = 0; r < rows; r++) {
    storeRow<Vec>(job, job.order[begin + r], tile * kTile, tileColumns(w.n, tile), s.y + r * kTile);
  }
}

template <int DIGITS>
void computeTile(const Job& job, size_t tile, size_t begin, size_t end, Scratch& s) {
  switch (end - begin) {
    case 1: return direct<1, DIGITS>(job, tile, begin, s);
    case 2:
      // Two rows of three digits need more registers than there are.
      if (DIGITS == 2) return direct<2, 2>(job, tile, begin, s);
      direct<1, DIGITS>(job, tile, begin, s);
      return direct<1, DIGITS>(job, tile, begin + 1, s);
    default: return panel<DIGITS>(job, tile, begin, end, s);
  }
}

void compute(const Job& job, RowClass c, size_t tile, size_t tiles, size_t begin, size_t end,
             uint8_t* scratch) {
  Scratch& s = *reinterpret_cast<Scratch*>(scratch);
  for (size_t t = tile; t < tile + tiles; t++) {
    if (digitsOf(c) == 2) {
      computeTile<2>(job, t, begin, end, s);
    } else {
      computeTile<3>(job, t, begin, end, s);
    }
  }
}

#include "kernels/exercise.inl"

// Each multiplication takes one for every digit.
double exercise(DType type, size_t iterations) {
  const __m512i ones = _mm512_set1_epi8(1);
  exerciseChains(_mm512_setzero_si512(), iterations,
                 [&](__m512i acc) { return _mm512_dpbusd_epi32(acc, ones, ones); });
  const size_t digits = digitsOf(type == DType::kFloat16 ? kRegular : kWide);
  return 2.0 * 64 * kChains * double(iterations) / double(digits);
}

constexpr Path kPath = {"avx512-fixed", true, false, packedBytes, scratchBytes,
                        pack, compute, exercise, nullptr};
}  // namespace

extern const Path* const kAvx512Fixed;
const Path* const kAvx512Fixed = &kPath;

}  // namespace w4a16
