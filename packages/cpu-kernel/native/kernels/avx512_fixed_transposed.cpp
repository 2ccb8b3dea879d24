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
constexpr size_t kMostTiles = 8;
// Rows × tiles of a task whose sums are kept.
constexpr size_t kSums = 4 * kPanelRows;
// So few rows are computed straight from the packed codes.
constexpr size_t kDirectRows = 4;
// Rows that take turns with the tiles of a task: whole micro-kernels, or all of a few rows.
constexpr size_t kChunk = 2 * kMicroRows, kMostChunk = kBatch;
constexpr size_t kMostDigitRows = kDirectRows * kMostTiles;  // which a group each may need
// Largest error, relative to the result, that two digits may cause: normally distributed products
// take 2.6e-5. Estimated from some groups, and relied on where a product has enough terms for chance
// to even out.
constexpr float kFloat16Error = 2.8e-5f;
constexpr size_t kFloat16Terms = size_t{1} << 20;
constexpr size_t kSampledGroups = 4;

struct Scratch {
  TurnedCodes codes[kMostTiles];
  BatchScratch batch;
  ScaledBlock blocks[kMostDigitRows];
  alignas(64) uint8_t digits[kMostDigitRows * kDigitBytes];
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

// y += what 64 reduction columns add to 16 output columns of a row, from Σ v·(code - 8).
inline void addBlock(__m512i centred, const ScaledBlock& block, float* y, bool first) {
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
inline void addProducts(__m512i& acc, __m512i unsignedBytes, __m512i signedBytes) {
  asm("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(unsignedBytes), "v"(signedBytes));
}

// y[0..ROWS) += one block, by Horner's rule over the digits, most significant first. Not inlined:
// accumulators need all registers.
template <int ROWS, int DIGITS>
__attribute__((noinline)) void micro(const uint8_t* digits, const ScaledBlock* blocks, const TurnedCodes& codes, float* y,
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
        for (int j = 0; j < 4; j++) addProducts(acc[i][j], a, w[j]);
      }
    }
  }
  // Makes GCC keep all sums in registers until here.
#pragma GCC unroll 6
  for (int i = 0; i < ROWS; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) asm volatile("" : "+v"(acc[i][j]));
  }
#pragma GCC unroll 6
  for (int i = 0; i < ROWS; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
      const __m512i centred = _mm512_sub_epi32(acc[i][j], _mm512_load_si512(codes.excess + 16 * j));
      addBlock(centred, blocks[i], y + i * kTile + 16 * j, first);
    }
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

// The digits of 64 n of a row, those of 4 n in all lanes of their part.
template <int DIGITS>
struct SpreadDigits {
  __m512i at[4][DIGITS];

  void fill(const uint8_t* digits) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
      const __m512i v = _mm512_load_si512(digits + 64 * j);
      at[j][0] = _mm512_shuffle_epi32(v, _MM_PERM_AAAA);
      at[j][1] = _mm512_shuffle_epi32(v, _MM_PERM_BBBB);
      if (DIGITS == 3) at[j][DIGITS - 1] = _mm512_shuffle_epi32(v, _MM_PERM_CCCC);
    }
  }
};

// Σ v·code for QUADS quads of k: vectors [part][row of the quad], each part of lanes summing other
// n. A chain of sums for each digit, so that none waits for another.
template <int ROWS, int QUADS, int DIGITS>
inline void addQuads(const uint8_t* from, const SpreadDigits<DIGITS>* a, __m512i (*sums)[4]) {
  const __m512i low = _mm512_set1_epi8(15);
  __m512i c[QUADS][4], acc[ROWS][QUADS][DIGITS];
#pragma GCC unroll 2
  for (int i = 0; i < QUADS; i++) {
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
      for (int r = 0; r < ROWS; r++) {
#pragma GCC unroll 2
        for (int i = 0; i < QUADS; i++) {
          if (j == 0) acc[r][i][d] = _mm512_setzero_si512();
          addProducts(acc[r][i][d], c[i][j], a[r].at[j][d]);
        }
      }
    }
  }
#pragma GCC unroll 2
  for (int r = 0; r < ROWS; r++) {
#pragma GCC unroll 2
    for (int i = 0; i < QUADS; i++) {
      __m512i sum = acc[r][i][DIGITS - 1];
#pragma GCC unroll 2
      for (int d = DIGITS - 2; d >= 0; d--) {
        sum = _mm512_add_epi32(_mm512_slli_epi32(sum, 8), acc[r][i][d]);
      }
      sums[r][i] = sum;
    }
  }
}

// One or two rows straight from the packed codes. The parts of lanes, which sum different n, are
// added at the end. Integer sums are exact, so the result is that of micro, bit for bit.
template <int ROWS, int DIGITS>
__attribute__((noinline)) void direct(const WeightView& w, size_t nTile, size_t quad, const SpreadDigits<DIGITS>* a,
            const ScaledBlock* blocks, float* y, bool first) {
  constexpr int kQuads = ROWS == 1 ? 2 : 1;  // as many chains as hide the latency
  const uint8_t* from = codesOf(w, nTile, quad);
  const size_t ahead = toNextTile(w, nTile);
  for (size_t part = 0; part < 4; part++) {
    __m512i acc[ROWS][4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i += kQuads, from += kQuads * kQuadBytes) {
      prefetchBytes<kQuads * kQuadBytes>(from + ahead);
      __m512i sums[ROWS][4];
      addQuads<ROWS, kQuads, DIGITS>(from, a, sums);
#pragma GCC unroll 2
      for (int r = 0; r < ROWS; r++) {
#pragma GCC unroll 2
        for (int j = 0; j < kQuads; j++) acc[r][i + j] = sums[r][j];
      }
    }
#pragma GCC unroll 2
    for (int r = 0; r < ROWS; r++) {
      const __m512i* v = acc[r];
      const __m512i ab = _mm512_add_epi32(_mm512_shuffle_i32x4(v[0], v[1], 0x44),
                                          _mm512_shuffle_i32x4(v[0], v[1], 0xee));
      const __m512i cd = _mm512_add_epi32(_mm512_shuffle_i32x4(v[2], v[3], 0x44),
                                          _mm512_shuffle_i32x4(v[2], v[3], 0xee));
      const __m512i sums = _mm512_add_epi32(_mm512_shuffle_i32x4(ab, cd, 0x88),
                                            _mm512_shuffle_i32x4(ab, cd, 0xdd));
      addBlock(_mm512_sub_epi32(sums, _mm512_set1_epi32(blocks[r].eightSum)), blocks[r],
               y + r * kTile + 16 * part, first);
    }
  }
}

size_t groupOf(const WeightView& w, size_t tile) { return tile * kTileQuads / w.quadsPerGroup; }

// Tiles [from, to) of a task, counted from `tile`, that lie in one group.
struct GroupTiles {
  size_t group, from, to;
};

template <class F>
void forGroups(const WeightView& w, size_t tile, size_t tiles, F f) {
  for (size_t from = 0; from < tiles;) {
    const size_t group = groupOf(w, tile + from);
    size_t to = from + 1;
    while (to < tiles && groupOf(w, tile + to) == group) to++;
    f(GroupTiles{group, from, to});
    from = to;
  }
}

// Adds one block to a few rows, one or two at a time. The digits for all groups come first: their
// long chains overlap.
template <int DIGITS>
void fewRows(const Job& job, size_t nTile, size_t tile, size_t tiles, size_t begin, size_t rows,
             Scratch& s) {
  const WeightView& w = *job.weight;
  size_t at = 0;
  forGroups(w, tile, tiles, [&](const GroupTiles& g) {
    const BlockParameters b(w, nTile, g.group);
    for (size_t i = 0; i < rows; i++, at++) {
      const float* x = packedRow(job, nTile, job.order[begin + i]);
      s.blocks[at] = scaleRow<DIGITS>(x, b, s.digits + at * kDigitBytes);
    }
  });
  at = 0;
  forGroups(w, tile, tiles, [&](const GroupTiles& g) {
    for (size_t i = 0; i < rows; i += 2) {
      const size_t count = rows - i < 2 ? 1 : 2;
      SpreadDigits<DIGITS> a[2];
      for (size_t r = 0; r < count; r++) a[r].fill(s.digits + (at + r) * kDigitBytes);
      for (size_t t = g.from; t < g.to; t++) {
        const size_t quad = (tile + t) * kTileQuads;
        float* y = s.y + (t * rows + i) * kTile;
        if (count == 1) {
          direct<1, DIGITS>(w, nTile, quad, a, s.blocks + at, y, nTile == 0);
        } else {
          direct<2, DIGITS>(w, nTile, quad, a, s.blocks + at, y, nTile == 0);
        }
      }
      at += count;
    }
  });
}

// Adds one block to some rows whose digits and activations stay in the first-level cache.
template <int DIGITS>
void addRows(const Job& job, size_t nTile, size_t tile, size_t tiles, size_t begin, size_t count,
             float* y, size_t tileStride, Scratch& s) {
  const WeightView& w = *job.weight;
  const size_t steps = (count + kMicroRows - 1) / kMicroRows;
  const auto x = [&](size_t i) { return packedRow(job, nTile, job.order[begin + i]); };
  forGroups(w, tile, tiles, [&](const GroupTiles& g) {
    const BlockParameters b(w, nTile, g.group);
    scaleRows<DIGITS>(count, x, b, s.digits, s.blocks, s.batch);
    for (size_t t = g.from; t < g.to; t++) {
      for (size_t step = 0; step < steps; step++) {
        const size_t from = count * step / steps, to = count * (step + 1) / steps;
        microRows<DIGITS>(to - from, s.digits + from * kDigitBytes, s.blocks + from, s.codes[t],
                          y + t * tileStride + from * kTile, nTile == 0);
      }
    }
  });
}

// Fetches the activations of the chunk after chunk `i`, from the next block after the last.
void prefetchChunk(const Job& job, size_t nTile, size_t i, size_t chunks, size_t begin, size_t rows) {
  const size_t next = (i + 1) % chunks, block = nTile + (i + 1) / chunks;
  if (block == job.weight->nTiles) return;
  const size_t to = rows * (next + 1) / chunks;
  for (size_t r = rows * next / chunks; r < to; r++) {
    prefetchBytes<kTile * sizeof(float)>(
        reinterpret_cast<const uint8_t*>(packedRow(job, block, job.order[begin + r])));
  }
}

template <int DIGITS>
void computeTiles(const Job& job, size_t tile, size_t tiles, size_t begin, size_t end, Scratch& s) {
  const WeightView& w = *job.weight;
  const size_t rows = end - begin;
  const size_t chunk = rows <= kMostChunk ? rows : kChunk, chunks = (rows + chunk - 1) / chunk;
  for (size_t block = 0; block < w.nTiles; block++) {
    if (rows <= kDirectRows) {
      fewRows<DIGITS>(job, block, tile, tiles, begin, rows, s);
      continue;
    }
    for (size_t t = 0; t < tiles; t++) {
      turnCodes<DIGITS>(w, block, (tile + t) * kTileQuads, s.codes[t]);
    }
    for (size_t i = 0; i < chunks; i++) {
      const size_t from = rows * i / chunks, to = rows * (i + 1) / chunks;
      prefetchChunk(job, block, i, chunks, begin, rows);
      addRows<DIGITS>(job, block, tile, tiles, begin + from, to - from, s.y + from * kTile,
                      rows * kTile, s);
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
  const size_t last = tile + tiles, fitting = kSums / (end - begin);
  const size_t most = fitting < kMostTiles ? fitting : kMostTiles;
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
