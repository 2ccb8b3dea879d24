// The transposed product in fixed point with vpdpbusd (AVX-512 VNNI).
//
// Scales vary along the reduction, so they go to the activations, once for each group of output
// columns and block of 64 reduction columns (scaled_digits.inl):
//     dX[k] = Σ_blocks step · Σ_n v[n]·(code[n,k] - 8) - Σ_n dY[n]·scale[n]·(zero[n] - 8),
//     v = round(dY·scale / step)
// so the only error is that of rounding dY·scale. Two digits carry float16 activations, three all
// others and float16 rows that would lose too much in two.
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

// So few rows are computed straight from the packed codes, which they stream through.
constexpr size_t kDirectRows = 4;
// Rows whose digits are made at once, whole micro-kernels, while the turned codes of a task's tiles
// wait in the first-level cache. Of so few rows that all digits fit it, tiles take turns instead.
constexpr size_t kChunk = 2 * Vec::kMicroRows, kMostChunk = 32;
// Tiles of a task. A tile may have a group of its own, and so a slot for each row.
constexpr size_t kMostTiles = 8, kMostTurnedTiles = 4;
constexpr size_t kMostDirectTiles = 32;
static_assert(kMostTiles * kMostChunk <= kSlots && kMostTurnedTiles * kChunk <= kSlots);
// Rows × tiles of a task whose sums are kept.
constexpr size_t kSums = 4 * kPanelRows;
// Largest error, relative to the result, that two digits may cause: normally distributed products
// take 2.6e-5. Estimated from some groups, and relied on where a product has enough terms for
// chance to even out.
constexpr float kFloat16Error = 2.9e-5f;
constexpr size_t kFloat16Terms = size_t{1} << 20;
constexpr size_t kSampledGroups = 4;

struct Scratch {
  TurnedCodes codes[kMostTurnedTiles];
  Slots slots;
  alignas(64) uint8_t digits[kMostChunk * kDigitBytes];
  alignas(64) float zeros[kSums][16];  // [groups of the task][rows][lanes]
  alignas(64) float y[kSums * kTile];  // [tiles][rows][64]
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
      const Values p = Values::load(floatsOf(job, t, row)) * scalesOf(w, t, w.groups * i / samples);
      const float step = _mm512_reduce_max_ps(_mm512_abs_ps(p.largest())) / kLargestInteger<2>;
      noise += step * step;
      for (const __m512 v : p.at) energy = _mm512_fmadd_ps(v, v, energy);
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

// Tiles [from, to) of a task, counted from its first, that lie in one group, the task's index-th.
struct GroupTiles {
  size_t index, group, from, to;
};

template <class F>
inline void forGroups(const WeightView& w, size_t tile, size_t tiles, F f) {
  const size_t perGroup = w.quadsPerGroup / kTileQuads;
  GroupTiles g{0, tile / perGroup, 0, perGroup - tile % perGroup};
  for (; g.from < tiles; g.index++, g.group++, g.from = g.to, g.to += perGroup) {
    if (g.to > tiles) g.to = tiles;
    f(g);
  }
}

size_t nextBlock(const WeightView& w, size_t nTile) {
  return nTile + 1 < w.nTiles ? nTile + 1 : nTile;
}

// The codes that a task reads when it comes to its t-th tile, perhaps of the next block.
const uint8_t* codesAhead(const WeightView& w, size_t nTile, size_t tile, size_t tiles, size_t t) {
  if (t < tiles) return codesOf(w, nTile, (tile + t) * kTileQuads);
  t = t - tiles < tiles ? t - tiles : 0;
  return codesOf(w, nextBlock(w, nTile), (tile + t) * kTileQuads);
}

void prefetchParameters(const WeightView& w, size_t nTile, size_t group) {
  const size_t at = (nTile * w.groups + group) * kTile;
  prefetchBytes<kTile * sizeof(float)>(reinterpret_cast<const uint8_t*>(w.scales + at));
  prefetchBytes<kTile * sizeof(float)>(reinterpret_cast<const uint8_t*>(w.zeros + at));
}

// Adds one block to one or two rows of a task's group. Codes are fetched ahead in the order that
// the task reads them.
template <int ROWS, int DIGITS>
__attribute__((noinline)) void addDirect(const WeightView& w, size_t nTile, size_t tile,
                                         size_t tiles, const GroupTiles& g, const float* const* x,
                                         const float* inverse, const float* step, float* y,
                                         size_t rows) {
  SpreadDigits<DIGITS> a[ROWS];
#pragma GCC unroll 2
  for (int r = 0; r < ROWS; r++) {
    a[r].fill(Values::load(x[r]), scalesOf(w, nTile, g.group), inverse[r]);
  }
  prefetchParameters(w, nextBlock(w, nTile), g.group);
  for (size_t t = g.from; t < g.to; t++) {
    direct<ROWS, DIGITS>(
        codesOf(w, nTile, (tile + t) * kTileQuads), codesAhead(w, nTile, tile, tiles, t + 2),
        codesAhead(w, nTile, tile, tiles, t + 8), a, step, y + t * rows * kTile, kTile, nTile == 0);
  }
}

// Adds one block to a few rows; two at a time where there are registers enough. The digits for all
// groups come first: their long chains overlap.
template <int DIGITS>
void fewRows(const Job& job, size_t nTile, size_t tile, size_t tiles, size_t begin, size_t rows,
             Scratch& s) {
  const WeightView& w = *job.weight;
  const size_t group = groupOf(w, tile), groups = groupOf(w, tile + tiles - 1) - group + 1;
  const float* x[kDirectRows];
  for (size_t i = 0; i < rows; i++) {
    x[i] = floatsOf(job, nTile, job.order[begin + i]);
    const Values values = Values::load(x[i]);
    for (size_t g = 0, slot = i; g < groups; g++, slot += rows) {
      measureRow(values, scalesOf(w, nTile, group + g), centredZerosOf(w, nTile, group + g),
                 s.slots.largest[slot], s.zeros[slot], nTile == 0);
    }
  }
  findSteps<DIGITS>(groups * rows, s.slots);
  forGroups(w, tile, tiles, [&](const GroupTiles& g) {
    for (size_t i = 0; i < rows;) {
      const bool two = DIGITS == 2 && rows - i >= 2;
      const auto add = two ? addDirect<2, DIGITS> : addDirect<1, DIGITS>;
      const size_t slot = g.index * rows + i;
      add(w, nTile, tile, tiles, g, x + i, s.slots.inverse + slot, s.slots.step + slot,
          s.y + i * kTile, rows);
      i += two ? 2 : 1;
    }
  });
}

// Adds one block to some rows, of `rows`, whose digits and activations stay in the first-level
// cache. Unless they are turned already, codes are turned tile by tile.
template <int DIGITS>
__attribute__((noinline)) void addRows(const Job& job, size_t nTile, size_t tile, size_t tiles,
                                       size_t begin, size_t from, size_t count, size_t rows,
                                       bool turned, Scratch& s) {
  const WeightView& w = *job.weight;
  const auto x = [&](size_t i) {
    return Values::load(floatsOf(job, nTile, job.order[begin + from + i]));
  };
  size_t slots = 0;
  forGroups(w, tile, tiles, [&](const GroupTiles& g) {
    const Values scales = scalesOf(w, nTile, g.group), zeros = centredZerosOf(w, nTile, g.group);
    for (size_t i = 0; i < count; i++, slots++) {
      measureRow(x(i), scales, zeros, s.slots.largest[slots], s.zeros[g.index * rows + from + i],
                 nTile == 0);
    }
  });
  findSteps<DIGITS>(slots, s.slots);
  forGroups(w, tile, tiles, [&](const GroupTiles& g) {
    const Values scales = scalesOf(w, nTile, g.group);
    const size_t slot = g.index * count;
    for (size_t i = 0; i < count; i++) {
      writeDigits<DIGITS>(x(i), scales, s.slots.inverse[slot + i], s.digits + i * kDigitBytes);
    }
    for (size_t t = g.from; t < g.to; t++) {
      TurnedCodes& codes = s.codes[turned ? t : 0];
      if (!turned) {
        turnCodes(codesOf(w, nTile, (tile + t) * kTileQuads),
                  codesAhead(w, nTile, tile, tiles, t + 1), codes);
      }
      forMicroRows<Vec::kMicroRows>(count, [&](size_t first, auto few) {
        micro<few.value, DIGITS>(s.digits + first * kDigitBytes, s.slots.step + slot + first, codes,
                                 s.y + (t * rows + from + first) * kTile, nTile == 0);
      });
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
  const size_t chunks = (rows + kChunk - 1) / kChunk;
  for (size_t block = 0; block < w.nTiles; block++) {
    if (rows <= kDirectRows) {
      fewRows<DIGITS>(job, block, tile, tiles, begin, rows, s);
      continue;
    }
    if (rows <= kMostChunk) {
      addRows<DIGITS>(job, block, tile, tiles, begin, 0, rows, rows, false, s);
      continue;
    }
    for (size_t t = 0; t < tiles; t++) {
      const size_t quad = (tile + t) * kTileQuads;
      turnCodes(codesOf(w, block, quad), codesOf(w, nextBlock(w, block), quad), s.codes[t]);
    }
    for (size_t i = 0; i < chunks; i++) {
      const size_t from = rows * i / chunks, to = rows * (i + 1) / chunks;
      prefetchChunk(job, block, i, chunks, begin, rows);
      addRows<DIGITS>(job, block, tile, tiles, begin, from, to - from, rows, true, s);
    }
  }
  forGroups(w, tile, tiles, [&](const GroupTiles& g) {
    for (size_t t = g.from; t < g.to; t++) {
      for (size_t i = 0; i < rows; i++) {
        float* y = s.y + (t * rows + i) * kTile;
        subtractZeros(s.zeros[g.index * rows + i], y);
        orderColumns(y);
        storeRow<Vec>(job, job.order[begin + i], (tile + t) * kTile, kTile, y);
      }
    }
  });
}

void compute(const Job& job, RowClass c, size_t tile, size_t tiles, size_t begin, size_t end,
             uint8_t* scratch) {
  Scratch& s = *reinterpret_cast<Scratch*>(scratch);
  const size_t last = tile + tiles, rows = end - begin, fitting = kSums / rows;
  const size_t limit = rows <= kDirectRows  ? kMostDirectTiles
                       : rows <= kMostChunk ? kMostTiles
                                            : kMostTurnedTiles;
  const size_t most = fitting < limit ? fitting : limit;
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
