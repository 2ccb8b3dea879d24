// The transposed product in fixed point with vpdpbusd (AVX-512 VNNI).
//
// Scales vary along the reduction, so they go to the activations, once for each group of output
// columns and block of 64 reduction columns (scaled_digits.inl):
//     dX[k] += step · (Σ_n v[n]·(code[n,k] - 8) - Σ_n v[n]·(zero[n] - 8)),  v = round(dY·scale / step)
// Both sums run over the same v, so the only error is that of rounding dY·scale. Two digits carry
// float16 activations, three all others and float16 rows that would lose too much in two.
#include <immintrin.h>

#include "kernels/job.h"

namespace w4a16 {
namespace {
#include "kernels/vec_avx512.inl"
#include "kernels/rows.inl"
#include "kernels/float_path.inl"
#include "kernels/scaled_digits.inl"
#include "kernels/turned_codes.inl"

constexpr int kMicroRows = 6;
// Rows × tiles of a task whose sums are kept.
constexpr size_t kSums = 4 * kPanelRows;
// Largest error, relative to the result, that two digits may cause: normally distributed products
// take 2.6e-5. Estimated from some groups, and relied on where a product has enough terms for chance
// to even out.
constexpr float kFloat16Error = 2.8e-5f;
constexpr size_t kFloat16Terms = size_t{1} << 20;
constexpr size_t kSampledGroups = 4;

struct Scratch {
  TurnedCodes codes;
  DigitScratch reductions;
  ScaledBlock blocks[kPanelRows];
  alignas(64) uint8_t digits[kPanelRows * kDigitBytes];
  alignas(64) float y[kSums * kTile];
};

size_t scratchBytes(const WeightView& w, bool transposed) {
  const size_t shared = floatScratchBytes(w, transposed);
  return shared > sizeof(Scratch) ? shared : sizeof(Scratch);
}

const float* packedRow(const Job& job, size_t nTile, size_t row) {
  return reinterpret_cast<const float*>(job.packed) + (nTile * job.rows + row) * kTile;
}

// Whether two digits carry a row: compares the noise of rounding to steps s, whose variance is s²/12,
// with the products themselves.
bool fitsTwoDigits(const Job& job, size_t row) {
  const WeightView& w = *job.weight;
  if (job.xType != DType::kFloat16 || w.n * w.k < kFloat16Terms) return false;
  const size_t samples = w.groups < kSampledGroups ? w.groups : kSampledGroups;
  float noise = 0;
  __m512 energy = _mm512_setzero_ps();
  for (size_t i = 0; i < samples; i++) {
    for (size_t t = 0; t < w.nTiles; t++) {
      const BlockParameters b(w, t, w.groups * i / samples);
      const float* x = packedRow(job, t, row);
      const float step = _mm512_cvtss_f32(stepOf<2>(reduceOne(largestProducts(x, b), largerOf)));
      noise += step * step;
      for (int j = 0; j < 4; j++) {
        const __m512 p = _mm512_mul_ps(_mm512_loadu_ps(x + 16 * j), b.scale[j]);
        energy = _mm512_fmadd_ps(p, p, energy);
      }
    }
  }
  noise *= float(kTile) / 12;
  return noise <= kFloat16Error * kFloat16Error * _mm512_reduce_add_ps(energy);
}

void pack(const Job& job, size_t begin, size_t end, uint8_t* scratch) {
  const WeightView& w = *job.weight;
  floatPack<Vec>(job, begin, end, scratch);
  for (size_t m = begin; m < end; m++) {
    uint32_t largest = 0;
    for (size_t t = 0; t < w.nTiles; t++) {
      const uint32_t magnitude = largestMagnitude(packedRow(job, t, m), kTile);
      largest = magnitude > largest ? magnitude : largest;
    }
    job.rowClass[m] = isExceptional(largest)    ? kExceptional
                      : fitsTwoDigits(job, m) ? kRegular
                                              : kWide;
  }
}

// y += what 64 reduction columns add to 16 output columns of a row, whose Σ v·code are `sums`.
inline void addBlock(__m512i sums, const ScaledBlock& block, float* y, bool first) {
  const __m512i centred = _mm512_sub_epi32(sums, _mm512_set1_epi32(block.eightSum));
  const __m512 t = _mm512_sub_ps(_mm512_cvtepi32_ps(centred), _mm512_set1_ps(block.zeroSum));
  const __m512 before = first ? _mm512_setzero_ps() : _mm512_load_ps(y);
  _mm512_store_ps(y, _mm512_fmadd_ps(t, _mm512_set1_ps(block.step), before));
}

inline __m512i digitsOf(const uint8_t* quad, int digit) {
  uint32_t bits;
  copyBytes(&bits, quad + 4 * digit, sizeof bits);
  return _mm512_set1_epi32(int(bits));
}

// acc + products, in place: left to itself, GCC copies accumulators about and spills them.
inline void addProducts(__m512i& acc, __m512i codes, __m512i digits) {
  asm("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(codes), "v"(digits));
}

// y[0..ROWS) += one block, by Horner's rule over the digits, most significant first.
template <int ROWS, int DIGITS>
void micro(const uint8_t* digits, const ScaledBlock* blocks, const TurnedCodes& codes, float* y,
           bool first) {
  __m512i acc[ROWS][4];
#pragma GCC unroll 6
  for (int i = 0; i < ROWS; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) acc[i][j] = _mm512_setzero_si512();
  }
#pragma GCC unroll 3
  for (int d = DIGITS - 1; d >= 0; d--) {
    if (d < DIGITS - 1) {
#pragma GCC unroll 6
      for (int i = 0; i < ROWS; i++) {
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) acc[i][j] = _mm512_slli_epi32(acc[i][j], 8);
      }
    }
    const uint8_t* from = digits;
    for (size_t q = 0; q < kTile / 4; q++, from += 16) {
      __m512i w[4];
#pragma GCC unroll 4
      for (int j = 0; j < 4; j++) w[j] = _mm512_load_si512(codes.at[q][j]);
#pragma GCC unroll 6
      for (int i = 0; i < ROWS; i++) {
        const __m512i a = digitsOf(from + i * kDigitBytes, d);
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) addProducts(acc[i][j], w[j], a);
      }
    }
  }
#pragma GCC unroll 6
  for (int i = 0; i < ROWS; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) addBlock(acc[i][j], blocks[i], y + i * kTile + 16 * j, first);
  }
}

template <int DIGITS>
void microRows(size_t rows, const uint8_t* digits, const ScaledBlock* blocks,
               const TurnedCodes& codes, float* y, bool first) {
  switch (rows) {
    case 1: return micro<1, DIGITS>(digits, blocks, codes, y, first);
    case 2: return micro<2, DIGITS>(digits, blocks, codes, y, first);
    case 3: return micro<3, DIGITS>(digits, blocks, codes, y, first);
    case 4: return micro<4, DIGITS>(digits, blocks, codes, y, first);
    case 5: return micro<5, DIGITS>(digits, blocks, codes, y, first);
    default: return micro<6, DIGITS>(digits, blocks, codes, y, first);
  }
}

// Σ v·code of two quads of k: vectors [part][row of the quad], each part of lanes summing different n.
// A chain of sums for each digit, so that none waits for the other.
template <int DIGITS>
inline void addQuads(const uint8_t* from, const __m512i (*a)[DIGITS], __m512i* sums) {
  const __m512i low = _mm512_set1_epi8(15);
  __m512i c[2][4], acc[2][DIGITS];
#pragma GCC unroll 2
  for (int i = 0; i < 2; i++) {
#pragma GCC unroll 2
    for (int half = 0; half < 2; half++) {
      const __m512i v = turnBytes(_mm512_load_si512(from + i * kQuadBytes + 64 * half));
      c[i][2 * half] = _mm512_and_si512(v, low);
      c[i][2 * half + 1] = _mm512_and_si512(_mm512_srli_epi16(v, 4), low);
    }
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) {
#pragma GCC unroll 3
    for (int d = 0; d < DIGITS; d++) {
#pragma GCC unroll 2
      for (int i = 0; i < 2; i++) {
        if (j == 0) acc[i][d] = _mm512_setzero_si512();
        addProducts(acc[i][d], c[i][j], a[j][d]);
      }
    }
  }
#pragma GCC unroll 2
  for (int i = 0; i < 2; i++) {
    sums[i] = acc[i][DIGITS - 1];
#pragma GCC unroll 2
    for (int d = DIGITS - 2; d >= 0; d--) {
      sums[i] = _mm512_add_epi32(_mm512_slli_epi32(sums[i], 8), acc[i][d]);
    }
  }
}

// One row: each quad of k straight from the packed codes, its 4 parts of lanes summing different n,
// which are added at the end. Integer sums are exact, so the result is that of micro, bit for bit.
template <int DIGITS>
void oneRow(const WeightView& w, size_t nTile, size_t quad, const uint8_t* digits,
            const ScaledBlock& block, float* y, bool first) {
  __m512i a[4][DIGITS];  // of 16 n, each 4 n in all lanes of its part
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) {
    const __m512i v = _mm512_load_si512(digits + 64 * j);
    a[j][0] = _mm512_shuffle_epi32(v, _MM_PERM_AAAA);
    a[j][1] = _mm512_shuffle_epi32(v, _MM_PERM_BBBB);
    if (DIGITS == 3) a[j][DIGITS - 1] = _mm512_shuffle_epi32(v, _MM_PERM_CCCC);
  }
  const uint8_t* from = codesOf(w, nTile, quad);
  const size_t ahead = toNextTile(w, nTile);
  for (size_t part = 0; part < 4; part++) {
    __m512i acc[4];
#pragma GCC unroll 2
    for (int i = 0; i < 4; i += 2, from += 2 * kQuadBytes) {
      prefetchBytes<2 * kQuadBytes>(from + ahead);
      addQuads<DIGITS>(from, a, acc + i);
    }
    const __m512i ab = _mm512_add_epi32(_mm512_shuffle_i32x4(acc[0], acc[1], 0x44),
                                        _mm512_shuffle_i32x4(acc[0], acc[1], 0xee));
    const __m512i cd = _mm512_add_epi32(_mm512_shuffle_i32x4(acc[2], acc[3], 0x44),
                                        _mm512_shuffle_i32x4(acc[2], acc[3], 0xee));
    const __m512i sums = _mm512_add_epi32(_mm512_shuffle_i32x4(ab, cd, 0x88),
                                          _mm512_shuffle_i32x4(ab, cd, 0xdd));
    addBlock(sums, block, y + 16 * part, first);
  }
}

size_t groupOf(const WeightView& w, size_t tile) { return tile * kTileQuads / w.quadsPerGroup; }

// The panel's digits of one block and group.
template <int DIGITS>
void scalePanel(const Job& job, size_t nTile, size_t group, size_t begin, size_t end, Scratch& s) {
  const BlockParameters b(*job.weight, nTile, group);
  for (size_t from = begin; from < end; from += 16) {
    const size_t count = end - from < 16 ? end - from : 16, at = from - begin;
    const auto x = [&](size_t i) { return packedRow(job, nTile, job.order[from + i]); };
    scaleRows<DIGITS>(count, x, b, s.digits + at * kDigitBytes, s.blocks + at, s.reductions);
  }
}

// One row by some tiles. The digits for all groups come first: their long chains overlap.
template <int DIGITS>
void oneRowByTiles(const Job& job, size_t nTile, size_t tile, size_t tiles, size_t row, Scratch& s) {
  const WeightView& w = *job.weight;
  const size_t firstGroup = groupOf(w, tile), lastGroup = groupOf(w, tile + tiles - 1);
  for (size_t g = firstGroup; g <= lastGroup; g++) {
    const BlockParameters b(w, nTile, g);
    const size_t at = g - firstGroup;
    s.blocks[at] = scaleRow<DIGITS>(packedRow(job, nTile, row), b, s.digits + at * kDigitBytes);
  }
  for (size_t t = 0; t < tiles; t++) {
    const size_t at = groupOf(w, tile + t) - firstGroup;
    oneRow<DIGITS>(w, nTile, (tile + t) * kTileQuads, s.digits + at * kDigitBytes, s.blocks[at],
                   s.y + t * kTile, nTile == 0);
  }
}

template <int DIGITS>
void computeTiles(const Job& job, size_t tile, size_t tiles, size_t begin, size_t end, Scratch& s) {
  const WeightView& w = *job.weight;
  const size_t rows = end - begin, steps = (rows + kMicroRows - 1) / kMicroRows;
  for (size_t block = 0; block < w.nTiles; block++) {
    const bool first = block == 0;
    if (rows == 1) {
      oneRowByTiles<DIGITS>(job, block, tile, tiles, job.order[begin], s);
      continue;
    }
    for (size_t t = 0; t < tiles; t++) {
      const size_t group = groupOf(w, tile + t), quad = (tile + t) * kTileQuads;
      float* y = s.y + t * rows * kTile;
      if (t == 0 || group != groupOf(w, tile + t - 1)) {
        scalePanel<DIGITS>(job, block, group, begin, end, s);
      }
      turnCodes(w, block, quad, s.codes);
      for (size_t step = 0; step < steps; step++) {
        const size_t from = rows * step / steps, to = rows * (step + 1) / steps;
        microRows<DIGITS>(to - from, s.digits + from * kDigitBytes, s.blocks + from, s.codes,
                          y + from * kTile, first);
      }
    }
  }
  for (size_t t = 0; t < tiles; t++) {
    for (size_t i = 0; i < rows; i++) {
      storeRow<Vec>(job, job.order[begin + i], (tile + t) * kTile, kTile,
                    s.y + (t * rows + i) * kTile);
    }
  }
}

void compute(const Job& job, RowClass c, size_t tile, size_t tiles, size_t begin, size_t end,
             uint8_t* scratch) {
  Scratch& s = *reinterpret_cast<Scratch*>(scratch);
  const size_t last = tile + tiles, most = end - begin == 1 ? kPanelRows : kSums / (end - begin);
  for (; tile < last; tile += most) {
    const size_t count = last - tile < most ? last - tile : most;
    if (c == kRegular) {
      computeTiles<2>(job, tile, count, begin, end, s);
    } else {
      computeTiles<3>(job, tile, count, begin, end, s);
    }
  }
}

constexpr Path kPath = {"avx512-fixed-transposed", false, true, floatPackedBytes, scratchBytes,
                        pack, compute, nullptr, nullptr};
}  // namespace

extern const Path* const kAvx512FixedTransposed;
const Path* const kAvx512FixedTransposed = &kPath;

}  // namespace w4a16
