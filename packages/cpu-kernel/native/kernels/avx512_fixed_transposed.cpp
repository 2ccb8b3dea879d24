// The transposed product in fixed point with vpdpbusd (AVX-512 VNNI).
//
// Scales vary along the reduction, so they go to the activations, once for each group of output
// columns and block of 64 reduction columns (scaled_digits.inl):
//     dX[k] += step · (Σ_n v[n]·(code[n,k] - 8) - Σ_n v[n]·(zero[n] - 8)),  v = round(dY·scale /
//     step)
// Both sums run over the same v, so the only error is that of rounding dY·scale. Two digits carry
// float16 activations, three all others and float16 rows that would lose too much in two.
#include <immintrin.h>

#include "kernels/job.h"

namespace w4a16 {
namespace {
#include "kernels/vec_avx512.inl"
#include "kernels/rows.inl"
#include "kernels/float_path.inl"
#include "kernels/scaled_rows.inl"
#include "kernels/scaled_digits.inl"
#include "kernels/turned_codes.inl"
#include "kernels/turned_micro.inl"
#include "kernels/turned_direct.inl"

constexpr size_t kMostTiles = 8;
// Rows × tiles of a task whose sums are kept.
constexpr size_t kSums = 4 * kPanelRows;
// So few rows are computed straight from the packed codes.
constexpr size_t kDirectRows = 4;
// Rows that take turns with the tiles of a task: whole micro-kernels, or all of a few rows.
constexpr size_t kChunk = 2 * kMicroRows, kMostChunk = kBatch;
constexpr size_t kMostDigitRows = kDirectRows * kMostTiles;  // which a group each may need
// Largest error, relative to the result, that two digits may cause: normally distributed products
// take 2.6e-5. Estimated from some groups, and relied on where a product has enough terms for
// chance to even out.
constexpr float kFloat16Error = 2.9e-5f;
constexpr size_t kFloat16Terms = size_t{1} << 20;
constexpr size_t kSampledGroups = 4;

struct Scratch {
  TurnedCodes codes[kMostTiles];
  BatchScratch batch;
  ScaledBlock blocks[kMostDigitRows];
  alignas(64) uint8_t digits[kMostDigitRows * kDigitBytes];
  alignas(64) float y[kSums * kTile];
};

// Whether two digits carry a row: compares the noise of rounding to steps s, whose variance is
// s²/12, with the products themselves.
bool fitsTwoDigits(const Job& job, size_t row) {
  const WeightView& w = *job.weight;
  if (job.xType != DType::kFloat16 || w.n * w.k < kFloat16Terms) return false;
  const size_t samples = w.groups < kSampledGroups ? w.groups : kSampledGroups;
  float noise = 0;
  __m512 energy = _mm512_setzero_ps();
  for (size_t i = 0; i < samples; i++) {
    for (size_t t = 0; t < w.nTiles; t++) {
      const BlockParameters b(w, t, w.groups * i / samples);
      const float* x = floatsOf(job, t, row);
      Magnitudes m = magnitudesOf<2>(x, b);
      m.largest = reduceOne(m.largest, largerOf);
      const float step = _mm512_cvtss_f32(stepOf<2>(m));
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
  floatPack<Vec>(job, begin, end, scratch);
  for (size_t m = begin; m < end; m++) {
    job.rowClass[m] = isExceptional(largestPacked(job, m)) ? kExceptional
                      : fitsTwoDigits(job, m)              ? kRegular
                                                           : kWide;
  }
}

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
      const float* x = floatsOf(job, nTile, job.order[begin + i]);
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
  const auto x = [&](size_t i) { return floatsOf(job, nTile, job.order[begin + i]); };
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
void prefetchChunk(const Job& job, size_t nTile, size_t i, size_t chunks, size_t begin,
                   size_t rows) {
  const size_t next = (i + 1) % chunks, block = nTile + (i + 1) / chunks;
  if (block == job.weight->nTiles) return;
  const size_t to = rows * (next + 1) / chunks;
  for (size_t r = rows * next / chunks; r < to; r++) {
    prefetchBytes<kTile * sizeof(float)>(
        reinterpret_cast<const uint8_t*>(floatsOf(job, block, job.order[begin + r])));
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

constexpr Path kPath =
    scaledPath("avx512-fixed-transposed", scaledScratchBytes<Scratch>, pack, compute);
}  // namespace

extern const Path* const kAvx512FixedTransposed;
const Path* const kAvx512FixedTransposed = &kPath;

}  // namespace w4a16
