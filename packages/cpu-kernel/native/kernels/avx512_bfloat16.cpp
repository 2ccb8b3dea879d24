// bfloat16 activations with vdpbf16ps (AVX-512 BF16).
//
// Codes minus 8 are small integers, exact in bfloat16, and so are the products; a group's sum
// accumulates in float32, and scale and real-valued zero are applied to it once:
//     y += scale · (Σ x·(code - 8) - (zero - 8)·Σ x)
// so weights are never rounded. A row's sums always run in the same order, whatever M is.
#include <immintrin.h>

#include "kernels/job.h"

namespace w4a16 {
namespace {
#include "kernels/vec_avx512.inl"
#include "kernels/rows.inl"

constexpr size_t kBlockQuads = 32;  // 4 KB of codes, which stay in the first-level cache

#include "kernels/blocks.inl"
#include "kernels/forward_panel.inl"

// Packed X: bfloat16 [blocks][rows][quads · 4], then float32 sums [blocks][rows].
size_t sumsOffset(const WeightView& w, size_t rows) {
  return roundUp(w.groups * w.quadsPerGroup * kQuad * rows * sizeof(uint16_t), 64);
}

size_t packedBytes(const WeightView& w, bool, size_t rows) {
  return sumsOffset(w, rows) + blockCount(w) * rows * sizeof(float);
}

const uint16_t* packedRow(const Job& job, const Block& b, size_t row) {
  return reinterpret_cast<const uint16_t*>(job.packed) +
         (b.quad * job.rows + row * b.quads) * kQuad;
}

float* sumsOf(const Job& job, const Block& b) {
  return reinterpret_cast<float*>(job.packed + sumsOffset(*job.weight, job.rows)) +
         b.index * job.rows;
}

void pack(const Job& job, size_t begin, size_t end, uint8_t* scratch) {
  const WeightView& w = *job.weight;
  const size_t columns = w.quads * kQuad, blocks = blockCount(w);
  float* x = reinterpret_cast<float*>(scratch);
  for (size_t m = begin; m < end; m++) {
    widenRow<Vec>(job, m, x);
    job.rowClass[m] = isExceptional(largestMagnitude(x, columns)) ? kExceptional : kRegular;
    for (size_t i = 0; i < blocks; i++) {
      const Block b = blockAt(w, i);
      const float* from = x + b.quad * kQuad;
      uint16_t* to = const_cast<uint16_t*>(packedRow(job, b, m));
      __m512 sum = _mm512_setzero_ps();
      for (size_t q = 0; q < b.quads; q += 4) {
        const size_t count = b.quads - q < 4 ? b.quads - q : 4;
        const __mmask16 real = __mmask16(0xffffu >> (16 - count * kQuad));
        const __m512 v = _mm512_maskz_loadu_ps(real, from + q * kQuad);
        const __m256i rounded = Vec::roundBFloat16(v);
        sum = _mm512_add_ps(
            sum, _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(rounded), 16)));
        // A dword of codes pairs columns 0 and 2, or 1 and 3, of its quad.
        const __m256i pairs = _mm256_shufflehi_epi16(_mm256_shufflelo_epi16(rounded, 0xd8), 0xd8);
        _mm256_mask_storeu_epi16(to + q * kQuad, real, pairs);
      }
      sumsOf(job, b)[m] = _mm512_reduce_add_ps(sum);
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

#include "kernels/bfloat16_codes.inl"

// Accumulators start at -(zero - 8)·Σx, take the block's products, and end scaled into y.
template <int ROWS>
struct Accumulators {
  __m512 a[ROWS][4];

  inline void start(const float* sums, const BlockWeights& weights) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
      const __m512 zero = weights.centredZero(j);
#pragma GCC unroll 6
      for (int i = 0; i < ROWS; i++) {
        a[i][j] = _mm512_mul_ps(zero, _mm512_set1_ps(-sums[i]));
      }
    }
  }

  inline void finish(const BlockWeights& weights, float* y, bool first) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
      const __m512 scale = weights.scale(j);
#pragma GCC unroll 6
      for (int i = 0; i < ROWS; i++) {
        float* to = y + i * kTile + 16 * j;
        const __m512 before = first ? _mm512_setzero_ps() : _mm512_load_ps(to);
        _mm512_store_ps(to, _mm512_fmadd_ps(a[i][j], scale, before));
      }
    }
  }
};

// ROWS rows in one block.
template <int ROWS>
struct Operands {
  const uint16_t* x[ROWS];
  float sums[ROWS];

  inline Operands(const Job& job, const Block& b, size_t begin) {
    for (int i = 0; i < ROWS; i++) {
      const size_t row = job.order[begin + size_t(i)];
      x[i] = packedRow(job, b, row);
      sums[i] = sumsOf(job, b)[row];
    }
  }
};

// Adds the rows whose codes start at bit SHIFT of a pair of quads' words, unpacked in registers.
template <int ROWS, int SHIFT>
inline void addRows(Accumulators<ROWS>& acc, const uint16_t* const* x, size_t element,
                    const uint8_t* pair, __m512i table) {
  __m512bh w[4];
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) w[j] = codesAt<SHIFT>(_mm512_load_si512(pair + 64 * j), table);
#pragma GCC unroll 6
  for (int i = 0; i < ROWS; i++) {
    const __m512bh a = pairOf(x[i], element);
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) acc.a[i][j] = _mm512_dpbf16_ps(acc.a[i][j], w[j], a);
  }
}

// Adds quads q and q + 1 to the accumulators of ROWS rows.
template <int ROWS>
inline void addPair(Accumulators<ROWS>& acc, const uint16_t* const* x, size_t q,
                    const uint8_t* codes, __m512i table) {
  addRows<ROWS, 0>(acc, x, 2 * q, codes, table);
  addRows<ROWS, 8>(acc, x, 2 * q + 1, codes, table);
  addRows<ROWS, 4>(acc, x, 2 * q + 2, codes, table);
  addRows<ROWS, 12>(acc, x, 2 * q + 3, codes, table);
}

// y[0..ROWS) += one block. Unpacking again for every few rows runs beside the multiplications, on
// other ports; a tile of unpacked codes would cost stores and loads instead.
template <int ROWS>
void micro(const Operands<ROWS>& o, const BlockWeights& weights, __m512i table, float* y,
           bool first) {
  Accumulators<ROWS> acc;
  acc.start(o.sums, weights);
  const uint8_t* codes = weights.codes;
  for (size_t q = 0; q < weights.quads; q += 2, codes += kPairBytes) {
    prefetchPair(codes);
    addPair<ROWS>(acc, o.x, q, codes, table);
  }
  acc.finish(weights, y, first);
}

// One row by two tiles of columns at once, which keeps enough sums in flight.
void oneRow(const Job& job, size_t tile, size_t begin, Scratch& s) {
  const WeightView& w = *job.weight;
  const __m512i table = codeTable();
  const size_t blocks = blockCount(w);
  for (size_t i = 0; i < blocks; i++) {
    const Block b = blockAt(w, i);
    const Operands<1> o(job, b, begin);
    const BlockWeights left = weightsOf(w, b, tile), right = weightsOf(w, b, tile + 1);
    Accumulators<1> acc[2];
    acc[0].start(o.sums, left);
    acc[1].start(o.sums, right);
    for (size_t q = 0; q < b.quads; q += 2) {
      const size_t at = q * kQuadBytes;
      prefetchPair(left.codes + at);
      prefetchPair(right.codes + at);
      addPair<1>(acc[0], o.x, q, left.codes + at, table);
      addPair<1>(acc[1], o.x, q, right.codes + at, table);
    }
    acc[0].finish(left, s.y, i == 0);
    acc[1].finish(right, s.y + kTile, i == 0);
  }
  for (size_t t = 0; t < 2; t++) storePanel(job, tile + t, begin, 1, s.y + t * kTile);
}

void panel(const Job& job, size_t tile, size_t begin, size_t end, Scratch& s) {
  const __m512i table = codeTable();
  forwardPanel(job, tile, begin, end, s.y,
               [&](auto count, const Block& b, const BlockWeights& weights, size_t from, float* y,
                   bool first) {
                 const Operands<count.value> o(job, b, begin + from);
                 micro<count.value>(o, weights, table, y, first);
               });
}

void compute(const Job& job, RowClass, size_t tile, size_t tiles, size_t begin, size_t end,
             uint8_t* scratch) {
  Scratch& s = *reinterpret_cast<Scratch*>(scratch);
  const size_t last = tile + tiles, rows = end - begin;
  if (rows == 1) {
    for (; tile + 2 <= last; tile += 2) oneRow(job, tile, begin, s);
  }
  for (; tile < last; tile++) panel(job, tile, begin, end, s);
}

#include "kernels/exercise.inl"

double exercise(DType, size_t iterations) {
  const __m512bh ones = (__m512bh)_mm512_set1_epi16(0x3f80);
  exerciseChains(_mm512_setzero_ps(), iterations,
                 [&](__m512 acc) { return _mm512_dpbf16_ps(acc, ones, ones); });
  return 2.0 * 32 * kChains * double(iterations);
}

constexpr Path kPath = {"avx512-bfloat16", true,     false,  packedBytes, scratchBytes, pack,
                        compute,           exercise, nullptr};
}  // namespace

extern const Path* const kAvx512BFloat16;
const Path* const kAvx512BFloat16 = &kPath;

}  // namespace w4a16
