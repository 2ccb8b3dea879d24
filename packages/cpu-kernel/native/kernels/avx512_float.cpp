// The float32 path for AVX-512 (F, BW, DQ, VL). Beside the shared code, a transposed product of its
// own for tiles within one group: a vector holds all 16 values that a column's codes can stand for,
// so that one permutation dequantizes 16 weights, in registers, between the multiply-adds.
#include <immintrin.h>

#include "kernels/job.h"

namespace w4a16 {
namespace {
#include "kernels/vec_avx512.inl"
#include "kernels/float_kernel.inl"

struct TurnedScratch {
  alignas(64) uint32_t codes[kTile * kTileQuads];  // [64 n][16 quads]
  alignas(64) float values[kTile * 16];            // [64 n][16 codes]
  alignas(64) uint32_t turned[16 * kTileQuads];
  alignas(64) float y[kPanelRows * kTile];
};
static_assert(sizeof(TurnedScratch) <= sizeof(FloatScratch),
              "shares the scratch of the float path");

// Codes of (nTile, 16 quads from `quad` on) with the quads in the lanes, a byte each, and the
// values of codes.
void fillTurned(const WeightView& w, size_t nTile, size_t quad, TurnedScratch& s) {
  const uint32_t* codes =
      reinterpret_cast<const uint32_t*>(w.codes + (nTile * w.quads + quad) * kQuadBytes);
  const size_t parameters = (nTile * w.groups + quad / w.quadsPerGroup) * kTile;
  const Vec code = {_mm512_set_ps(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)};
  const Vec centred = code - Vec::broadcast(w.codeBias);
  for (size_t n = 0; n < kTile; n++) {
    if (n % 32 == 0) Vec::turn(codes + n, s.turned);
    _mm512_store_si512(s.codes + n * kTileQuads, Vec::spreadPairs(turnedColumn(s.turned, n % 32)));
    const Vec zero = Vec::broadcast(w.zeros[parameters + n]);
    ((centred - zero) * Vec::broadcast(w.scales[parameters + n])).store(s.values + 16 * n);
  }
}

// As floatMicro, in the same order.
template <int ROWS>
void turnedMicro(const float* const* x, const TurnedScratch& s, float* y, bool first) {
  __m512 acc[ROWS][4];
#pragma GCC unroll 6
  for (int i = 0; i < ROWS; i++) {
#pragma GCC unroll 4
    for (int b = 0; b < 4; b++) acc[i][b] = _mm512_setzero_ps();
  }
  for (size_t n = 0; n < kTile; n++) {
    const __m512i q = _mm512_load_si512(s.codes + n * kTileQuads);
    const __m512 value = _mm512_load_ps(s.values + n * 16);
    // vpermps looks at the lowest 4 bits of its index, so the codes above need no mask.
    const __m512 w[4] = {_mm512_permutexvar_ps(q, value),
                         _mm512_permutexvar_ps(_mm512_srli_epi32(q, 8), value),
                         _mm512_permutexvar_ps(_mm512_srli_epi32(q, 16), value),
                         _mm512_permutexvar_ps(_mm512_srli_epi32(q, 24), value)};
#pragma GCC unroll 6
    for (int i = 0; i < ROWS; i++) {
      const __m512 a = _mm512_set1_ps(x[i][n]);
#pragma GCC unroll 4
      for (int b = 0; b < 4; b++) acc[i][b] = _mm512_fmadd_ps(a, w[b], acc[i][b]);
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

void turnedTile(const Job& job, size_t tile, size_t begin, size_t end, TurnedScratch& s) {
  const WeightView& w = *job.weight;
  for (size_t block = 0; block < w.nTiles; block++) {
    fillTurned(w, block, tile * kTileQuads, s);
    forFloatRows<Vec>(job, block, begin, end, [&](auto count, const float* const* x, size_t from) {
      turnedMicro<count.value>(x, s, s.y + from * kTile, block == 0);
    });
  }
  for (size_t i = begin; i < end; i++) {
    storeTransposed<Vec>(job, job.order[i], tile, s.y + (i - begin) * kTile);
  }
}

void compute(const Job& job, RowClass c, size_t tile, size_t tiles, size_t begin, size_t end,
             uint8_t* scratch) {
  for (size_t t = tile; t < tile + tiles; t++) {
    if (job.transposed && liesInOneGroup(*job.weight, t * kTileQuads)) {
      turnedTile(job, t, begin, end, *reinterpret_cast<TurnedScratch*>(scratch));
    } else {
      floatCompute<Vec>(job, c, t, 1, begin, end, scratch);
    }
  }
}

constexpr Path kPath = floatPath<Vec>("avx512-float32", compute);
}  // namespace

extern const Path* const kAvx512Float;
const Path* const kAvx512Float = &kPath;

}  // namespace w4a16
