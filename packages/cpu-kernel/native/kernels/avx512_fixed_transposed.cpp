// The transposed product in fixed point with vpdpbusd (AVX-512 VNNI).
//
// Scales vary along the reduction, so they go to the activations, once for each group of output
// columns and block of 64 reduction columns (scaled_digits.inl):
//     dX[k] = Σ_blocks step · (Σ_n v[n]·(code[n,k] - 8) - Σ_n v[n]·(zero[n] - 8)),
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
constexpr size_t kChunk = 24, kMostChunk = 32;
// Rows of a micro-kernel: four take 2% less each than six, whose many sums wait for one another at
// the end.
constexpr int kFewestMicroRows = 4;
// Tiles of a task. A tile may have a group of its own, and so a slot for each row.
constexpr size_t kMostTiles = 8, kMostTurnedTiles = 4;
constexpr size_t kMostDirectTiles = 32;
static_assert(kMostTiles * kMostChunk <= kSlots && kMostTurnedTiles * kChunk <= kSlots);
// Rows × tiles of a task whose sums are kept.
constexpr size_t kSums = 4 * kPanelRows;
// Largest error, relative to the result, that two digits may cause: normally distributed products
// take 2.6e-5. An estimate, relied on where a product has enough terms for chance to even out.
constexpr float kFloat16Error = 2.9e-5f;
constexpr size_t kFloat16Terms = size_t{1} << 20;

struct Scratch {
  TurnedCodes codes[kMostTurnedTiles];
  Slots slots;
  alignas(64) uint8_t digits[kMostChunk * kDigitBytes<3>];
  alignas(64) float zeros[kSums][16];  // [groups of the task][rows][lanes]
  alignas(64) float y[kSums * kTile];  // [tiles][rows][64]
};

// Whether two digits carry a row: compares the noise of rounding to steps s, whose variance is
// s²/12, with the products themselves, in the groups whose scales make most noise.
bool fitsTwoDigits(const Job& job, size_t row) {
  const WeightView& w = *job.weight;
  if (job.xType != DType::kFloat16 || w.n * w.k < kFloat16Terms) return false;
  __m512 noise = _mm512_setzero_ps(), energy = noise;
  for (const size_t group : w.spikyGroups) {
    for (size_t from = 0; from < w.nTiles; from += 16) {
      const size_t left = w.nTiles - from, count = left < 16 ? left : 16;
      alignas(64) float largest[16][16] = {};
      for (size_t t = 0; t < count; t++) {
        const Values p = Values::load(floatsOf(job, from + t, row)) * scalesOf(w, from + t, group);
        _mm512_store_ps(largest[t], p.largest());
        for (const __m512 v : p.at) energy = _mm512_fmadd_ps(v, v, energy);
      }
      const __m512 step = stepOf<2>(largestOfSixteen(largest));
      noise = _mm512_fmadd_ps(step, step, noise);
    }
  }
  return _mm512_reduce_add_ps(noise) * float(kTile) / 12 <=
         kFloat16Error * kFloat16Error * _mm512_reduce_add_ps(energy);
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

// Calls f(group) for each step that tiles of a task take, with a group that takes it.
template <int DIGITS, class F>
inline void forSteps(const WeightView& w, size_t tile, size_t tiles, F f) {
  const size_t shift = stepShift<DIGITS>(w), last = groupOf(w, tile + tiles - 1) >> shift;
  for (size_t i = groupOf(w, tile) >> shift; i <= last; i++) f(i << shift);
}

// Which of a task's steps a group takes.
template <int DIGITS>
inline size_t stepIndex(const WeightView& w, const GroupTiles& g) {
  const size_t shift = stepShift<DIGITS>(w);
  return (g.group >> shift) - ((g.group - g.index) >> shift);
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
                                         const float* inverse, const float* step,
                                         float (*zeroSums)[16], float* y, size_t rows) {
  SpreadDigits<DIGITS> a[ROWS];
#pragma GCC unroll 2
  for (int r = 0; r < ROWS; r++) {
    const Signed<DIGITS> v(Values::load(x[r]) * scalesOf(w, nTile, g.group), inverse[r]);
    v.addZeros(centredZerosOf(w, nTile, g.group), step[r], zeroSums[r], nTile == 0);
    a[r].fill(v);
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
  const float* x[kDirectRows];
  for (size_t i = 0; i < rows; i++) x[i] = floatsOf(job, nTile, job.order[begin + i]);
  size_t slots = 0;
  forSteps<DIGITS>(w, tile, tiles, [&](size_t group) {
    const Values scales = largestScales(w, nTile, sharedStep<DIGITS>(w, group));
    for (size_t i = 0; i < rows; i++) {
      measureRow(Values::load(x[i]), scales, s.slots.largest[slots++]);
    }
  });
  findSteps<DIGITS>(slots, s.slots);
  forGroups(w, tile, tiles, [&](const GroupTiles& g) {
    for (size_t i = 0; i < rows;) {
      const bool two = DIGITS == 2 && rows - i >= 2;
      const auto add = two ? addDirect<2, DIGITS> : addDirect<1, DIGITS>;
      const size_t slot = stepIndex<DIGITS>(w, g) * rows + i;
      add(w, nTile, tile, tiles, g, x + i, s.slots.inverse + slot, s.slots.step + slot,
          s.zeros + g.index * rows + i, s.y + i * kTile, rows);
      i += two ? 2 : 1;
    }
  });
}

// What comes into the first-level cache while rows are multiplied, a little in each micro-kernel:
// the activations wanted next, taken to lie one after another, and the codes of the task's next
// tile.
struct Ahead {
  const uint8_t* x;
  size_t xBytes;
  bool codes;

  inline const uint8_t* part(size_t t) const {
    constexpr size_t kPart = kTileQuads * kQuadBytes;
    return x + (t * kPart < xBytes ? t * kPart : 0);
  }
};

// Of rows in block nTile, or of the last block.
Ahead aheadOf(const Job& job, size_t nTile, size_t firstRow, size_t rows, bool codes) {
  const size_t last = job.weight->nTiles - 1;
  const float* x = floatsOf(job, nTile < last ? nTile : last, job.order[firstRow]);
  return {reinterpret_cast<const uint8_t*>(x), rows * kTile * sizeof(float), codes};
}

// Adds one block to some rows, of `rows`, whose digits and activations stay in the first-level
// cache. Unless they are turned already, codes are turned tile by tile.
template <int DIGITS>
__attribute__((noinline)) void addRows(const Job& job, size_t nTile, size_t tile, size_t tiles,
                                       size_t begin, size_t from, size_t count, size_t rows,
                                       bool turned, const Ahead& ahead, Scratch& s) {
  const WeightView& w = *job.weight;
  const float* x[kMostChunk];
  for (size_t i = 0; i < count; i++) x[i] = floatsOf(job, nTile, job.order[begin + from + i]);
  size_t slots = 0;
  forSteps<DIGITS>(w, tile, tiles, [&](size_t group) {
    const Values scales = largestScales(w, nTile, sharedStep<DIGITS>(w, group));
    for (size_t i = 0; i < count; i++, slots++) {
      measureRow(Values::load(x[i]), scales, s.slots.largest[slots]);
    }
  });
  findSteps<DIGITS>(slots, s.slots);
  forGroups(w, tile, tiles, [&](const GroupTiles& g) {
    const size_t slot = stepIndex<DIGITS>(w, g) * count;
    writeRows<DIGITS>(w, nTile, g.group, x, count, s.slots.inverse + slot, s.slots.step + slot,
                      s.digits, s.zeros + g.index * rows + from);
    if (ahead.codes) prefetchParameters(w, nextBlock(w, nTile), g.group);
    for (size_t t = g.from; t < g.to; t++) {
      TurnedCodes& codes = s.codes[turned ? t : 0];
      if (!turned) turnCodes(codesOf(w, nTile, (tile + t) * kTileQuads), codes);
      const uint8_t* next = codesAhead(w, nTile, tile, tiles, turned ? t + tiles : t + 1);
      forMicroRows<Vec::kMicroRows, kFewestMicroRows>(count, [&](size_t first, auto few) {
        micro<few.value, DIGITS>(s.digits + first * kDigitBytes<DIGITS>,
                                 s.slots.step + slot + first, codes,
                                 ahead.codes && first == 0 ? next : ahead.part(t),
                                 s.y + (t * rows + from + first) * kTile, nTile == 0);
      });
    }
  });
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
      addRows<DIGITS>(job, block, tile, tiles, begin, 0, rows, rows, false,
                      aheadOf(job, block + 1, begin, rows, true), s);
      continue;
    }
    for (size_t t = 0; t < tiles; t++) {
      turnCodes(codesOf(w, block, (tile + t) * kTileQuads), s.codes[t]);
    }
    for (size_t i = 0; i < chunks; i++) {
      const size_t from = rows * i / chunks, to = rows * (i + 1) / chunks;
      const Ahead ahead = to < rows ? aheadOf(job, block, begin + to, kChunk, false)
                                    : aheadOf(job, block + 1, begin, kChunk, true);
      addRows<DIGITS>(job, block, tile, tiles, begin, from, to - from, rows, true, ahead, s);
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
