// The transposed product with activations rounded to bfloat16, for `precision: "bfloat16"`.
//
// Scales vary along the reduction, so they go to the activations, once for each group of output
// columns: A[m,n] = round(dY[m,n]·scale[g,n]), then
//     dX[m,k] = Σ_n A[m,n]·(code[n,k] - 8) - Σ_n dY[m,n]·scale[g,n]·(zero[g,n] - 8).
// Rounding A is what the float32 path avoids, and what makes this one twice as fast.
#include <immintrin.h>

#include "kernels/job.h"

namespace w4a16 {
namespace {
#include "kernels/vec_avx512.inl"
#include "kernels/rows.inl"
#include "kernels/float_path.inl"
#include "kernels/scaled_rows.inl"
#include "kernels/bfloat16_codes.inl"

constexpr size_t kPairs = kTile / 2;  // of n, 16 apart

struct Scratch {
  alignas(64) uint32_t turned[16 * kTileQuads];
  alignas(64) uint16_t codes[2][kPairs][kTile / 2];  // a pair's nibbles, for 16 quads
  alignas(64) uint16_t a[kPanelRows][kTile];         // [rows][pairs][2]
  alignas(64) float correction[kPanelRows][Vec::kLanes];
  alignas(64) float y[2][kPanelRows * kTile];
};

void pack(const Job& job, size_t begin, size_t end, uint8_t* scratch) {
  floatPack<Vec>(job, begin, end, scratch);
  for (size_t m = begin; m < end; m++) {
    job.rowClass[m] = isExceptional(largestPacked(job, m)) ? kExceptional : kRegular;
  }
}

// The low nibbles of the bytes of `low` in the low halves of dwords, those of `high` in the high.
inline __m512i gatherNibbles(__m512i low, __m512i high) {
  const auto squeeze = [](__m512i v) {
    v = _mm512_and_si512(v, _mm512_set1_epi32(0x0f0f0f0f));
    v = _mm512_and_si512(_mm512_or_si512(v, _mm512_srli_epi32(v, 4)),
                         _mm512_set1_epi32(0x00ff00ff));
    return _mm512_or_si512(v, _mm512_srli_epi32(v, 8));
  };
  return _mm512_mask_blend_epi16(0xaaaaaaaa, squeeze(low), _mm512_slli_epi32(squeeze(high), 16));
}

void fillCodes(const WeightView& w, size_t nTile, size_t quad, uint16_t (*to)[kTile / 2],
               uint32_t* turned) {
  const uint32_t* codes =
      reinterpret_cast<const uint32_t*>(w.codes + (nTile * w.quads + quad) * kQuadBytes);
  for (size_t half = 0; half < 2; half++) {
    Vec::turn(codes + 32 * half, turned);
    for (size_t n = 0; n < 16; n++) {
      const __m512i low = Vec::spreadPairs(turnedColumn(turned, n));
      const __m512i high = Vec::spreadPairs(turnedColumn(turned, n + 16));
      _mm512_store_si512(to[16 * half + n], gatherNibbles(low, high));
    }
  }
}

// A of one block for the panel's rows, and its part of the correction by the zeros.
void scaleRows(const Job& job, size_t block, size_t group, size_t begin, size_t end, Scratch& s) {
  const WeightView& w = *job.weight;
  const size_t parameters = (block * w.groups + group) * kTile;
  const Vec centre = Vec::broadcast(8 - w.codeBias);
  Vec scales[4], shifts[4];
  for (int j = 0; j < 4; j++) {
    scales[j] = Vec::load(w.scales + parameters + 16 * j);
    shifts[j] = (Vec::load(w.zeros + parameters + 16 * j) - centre) * scales[j];
  }
  // Interleaves the words of two vectors of 16.
  alignas(64) uint16_t order[32];
  for (int i = 0; i < 32; i++) order[i] = uint16_t((i >> 1) + (i & 1) * 16);
  const __m512i interleave = _mm512_load_si512(order);
  for (size_t i = begin; i < end; i++) {
    const float* x = floatsOf(job, block, job.order[i]);
    Vec correction = block == 0 ? Vec::zero() : Vec::load(s.correction[i - begin]);
#pragma GCC unroll 2
    for (int half = 0; half < 2; half++) {
      const Vec low = Vec::load(x + 32 * half), high = Vec::load(x + 32 * half + 16);
      correction = fma(low, shifts[2 * half], correction);
      correction = fma(high, shifts[2 * half + 1], correction);
      const __m512i words =
          (__m512i)_mm512_cvtne2ps_pbh((high * scales[2 * half + 1]).v, (low * scales[2 * half]).v);
      _mm512_store_si512(s.a[i - begin] + 32 * half, _mm512_permutexvar_epi16(interleave, words));
    }
    correction.store(s.correction[i - begin]);
  }
}

template <int ROWS>
void micro(const uint16_t (*a)[kTile], const uint16_t (*codes)[kTile / 2], __m512i table, float* y,
           bool first) {
  __m512 acc[ROWS][4];
#pragma GCC unroll 6
  for (int i = 0; i < ROWS; i++) {
#pragma GCC unroll 4
    for (int b = 0; b < 4; b++) acc[i][b] = _mm512_setzero_ps();
  }
  for (size_t pair = 0; pair < kPairs; pair++) {
    const __m512i v = _mm512_load_si512(codes[pair]);
    const __m512bh w[4] = {codesAt<0>(v, table), codesAt<4>(v, table), codesAt<8>(v, table),
                           codesAt<12>(v, table)};
#pragma GCC unroll 6
    for (int i = 0; i < ROWS; i++) {
      const __m512bh x = pairOf(a[i], pair);
#pragma GCC unroll 4
      for (int b = 0; b < 4; b++) acc[i][b] = _mm512_dpbf16_ps(acc[i][b], w[b], x);
    }
  }
#pragma GCC unroll 6
  for (int i = 0; i < ROWS; i++) {
#pragma GCC unroll 4
    for (int b = 0; b < 4; b++) {
      float* to = y + i * kTile + 16 * b;
      _mm512_store_ps(to, first ? acc[i][b] : _mm512_add_ps(_mm512_load_ps(to), acc[i][b]));
    }
  }
}

// One or two tiles of the same group, which share the scaled activations.
void computeTiles(const Job& job, size_t tile, size_t tiles, size_t begin, size_t end, Scratch& s) {
  const WeightView& w = *job.weight;
  const __m512i table = codeTable();
  const size_t group = groupOf(w, tile);
  const size_t rows = end - begin;
  for (size_t block = 0; block < w.nTiles; block++) {
    scaleRows(job, block, group, begin, end, s);
    for (size_t t = 0; t < tiles; t++) {
      fillCodes(w, block, (tile + t) * kTileQuads, s.codes[t], s.turned);
      forMicroRows<Vec::kMicroRows>(rows, [&](size_t from, auto count) {
        micro<count.value>(s.a + from, s.codes[t], table, s.y[t] + from * kTile, block == 0);
      });
    }
  }
  for (size_t i = 0; i < rows; i++) {
    const Vec correction = Vec::broadcast(_mm512_reduce_add_ps(Vec::load(s.correction[i]).v));
    for (size_t t = 0; t < tiles; t++) {
      float* y = s.y[t] + i * kTile;
      for (size_t b = 0; b < 4; b++) (Vec::load(y + 16 * b) - correction).store(y + 16 * b);
      storeTransposed<Vec>(job, job.order[begin + i], tile + t, y);
    }
  }
}

void compute(const Job& job, RowClass, size_t tile, size_t tiles, size_t begin, size_t end,
             uint8_t* scratch) {
  const WeightView& w = *job.weight;
  const size_t last = tile + tiles;
  while (tile < last) {
    const size_t group = groupOf(w, tile);
    const bool pair = tile + 1 < last && groupOf(w, tile + 1) == group;
    computeTiles(job, tile, pair ? 2 : 1, begin, end, *reinterpret_cast<Scratch*>(scratch));
    tile += pair ? 2 : 1;
  }
}

constexpr Path kPath =
    scaledPath("avx512-bfloat16-transposed", scaledScratchBytes<Scratch>, pack, compute);
}  // namespace

extern const Path* const kAvx512BFloat16Transposed;
const Path* const kAvx512BFloat16Transposed = &kPath;

}  // namespace w4a16
