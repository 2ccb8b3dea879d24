#include "layout/survey.h"

#include <cmath>
#include <cstring>
#include <utility>

namespace w4a16 {
namespace {

constexpr size_t kPairRows = 2 * kQuad, kPairBytes = 2 * kQuadBytes;

// Below this, products with activations may vanish that the result would show.
constexpr float kSmallestScale = 0x1p-40f;

bool hasTinyScales(const float* scales, size_t count) {
  bool tiny = false;
  for (size_t i = 0; i < count; i++)
    tiny |= std::fabs(scales[i]) < kSmallestScale && scales[i] != 0;
  return tiny;
}

uint32_t dwordAt(const uint8_t* pair, size_t column) {
  uint32_t dword;
  std::memcpy(&dword, pair + 4 * column, sizeof dword);
  return dword;
}

// Of a pair's dwords, the nibbles of its first `rows` rows.
uint32_t nibblesOf(size_t rows) {
  uint32_t mask = 0;
  for (size_t r = 0; r < rows && r < kPairRows; r++) {
    mask |= 15u << (8 * (r % kQuad) + 4 * (r / kQuad));
  }
  return mask;
}

// clearIdleScales of one group.
void clearIdle(const WeightView& w, const uint8_t* codes, const float* zeros, float* scales) {
  uint32_t zeroCodes[kTile], differing[kTile];
  for (size_t n = 0; n < kTile; n++) {
    const float code = zeros[n] + w.codeBias;
    const bool whole = code >= 0 && code <= 15 && code == std::floor(code);
    zeroCodes[n] = (whole ? uint32_t(code) : 0) * 0x11111111u;
    differing[n] = !whole;
  }
  for (size_t q = 0; q < w.quadsPerGroup; q += 2, codes += kPairBytes) {
    const uint32_t mask = nibblesOf(w.groupSize - q * kQuad);
    for (size_t n = 0; n < kTile; n++) differing[n] |= (dwordAt(codes, n) ^ zeroCodes[n]) & mask;
  }
  for (size_t n = 0; n < kTile; n++) {
    if (differing[n] == 0 && std::isfinite(scales[n])) scales[n] = 0;
  }
}

// A group's activations that share a sign meet what rounding zero - 8 lost with it, while those of
// the codes about their zero go either way: relative to these, an error of lost·√G. It is counted
// so that 8 times aboutZeros stands for 7e-7.
constexpr double kDrift = 1.6e13;

double driftOf(const WeightView& w, float zero) {
  const float centre = 8 - w.codeBias;
  const double lost = double(zero) - double(centre) - double(zero - centre);
  return kDrift * lost * lost * double(w.groupSize);
}

// Adds a group's first pair of quads, which stands for all of it, but for `skipped` columns.
void addSquares(const WeightView& w, const uint8_t* pair, const float* zeros, const float* scales,
                uint64_t skipped, TileSurvey& to) {
  const size_t rows = w.groupSize < kPairRows ? w.groupSize : kPairRows;
  float aboutEight[kTile] = {}, aboutZeros[kTile] = {};
  for (size_t r = 0; r < rows; r++) {
    const size_t shift = 8 * (r % kQuad) + 4 * (r / kQuad);
    for (size_t n = 0; n < kTile; n++) {
      const float code = float(dwordAt(pair, n) >> shift & 15);
      const float fromZero = (code - w.codeBias - zeros[n]) * scales[n];
      aboutEight[n] += (code - 8) * (code - 8);
      aboutZeros[n] += fromZero * fromZero;
    }
  }
  for (size_t n = 0; n < kTile; n++) {
    if (skipped >> n & 1) continue;
    const double square = double(scales[n]) * scales[n];
    to.aboutEight += aboutEight[n] * square;
    to.aboutZeros += aboutZeros[n];
    to.drift += driftOf(w, zeros[n]) * double(rows) * square;
  }
}

// Calls f(codes, at) for each group of a tile: its codes, and where its scales and zeros begin.
template <class F>
void forGroups(const WeightView& w, size_t tile, F f) {
  const uint8_t* codes = w.codes + tile * w.quads * kQuadBytes;
  for (size_t g = 0; g < w.groups; g++, codes += w.quadsPerGroup * kQuadBytes) {
    f(codes, (tile * w.groups + g) * kTile);
  }
}

// How unevenly the scales of a tile in a group are spread: 64 · max² / Σ squares, from 1 to 64.
float spread(const float* scales) {
  float largest = 0, sum = 0;
  for (size_t n = 0; n < kTile; n++) {
    const float square = scales[n] * scales[n];
    largest = square > largest ? square : largest;
    sum += square;
  }
  return sum > 0 ? float(kTile) * largest / sum : 1;
}

// At most what a float holds.
float ratio(double part, double whole) {
  return part > 0 ? float(std::fmin(part / whole, 0x1p100)) : 0;
}

}  // namespace

void clearIdleScales(const WeightView& w, size_t tile, float* scales) {
  forGroups(w, tile, [&](const uint8_t* codes, size_t at) {
    clearIdle(w, codes, w.zeros + at, scales + (at - tile * w.groups * kTile));
  });
}

TileSurvey surveyTile(const WeightView& w, size_t tile) {
  TileSurvey survey;
  forGroups(w, tile, [&](const uint8_t* codes, size_t at) {
    addSquares(w, codes, w.zeros + at, w.scales + at, w.exceptionalColumns[tile], survey);
  });
  survey.hasTinyScales = hasTinyScales(w.scales + tile * w.groups * kTile, w.groups * kTile);
  return survey;
}

TileSurvey sumOf(const std::vector<TileSurvey>& tiles) {
  TileSurvey whole;
  for (const TileSurvey& tile : tiles) {
    whole.hasTinyScales |= tile.hasTinyScales;
    whole.aboutEight += tile.aboutEight;
    whole.aboutZeros += tile.aboutZeros;
    whole.drift += tile.drift;
  }
  return whole;
}

float offCentre(const TileSurvey& whole) {
  return ratio(whole.aboutEight, whole.aboutZeros);
}

float forwardOffCentre(const TileSurvey& whole) {
  return ratio(whole.aboutEight + whole.drift, whole.aboutZeros);
}

void findSpikyGroups(WeightView& w) {
  float found[kSampledGroups] = {};
  for (size_t g = 0; g < w.groups; g++) {
    float mean = 0;
    size_t group = g;
    for (size_t t = 0; t < w.nTiles; t++) mean += spread(w.scales + (t * w.groups + g) * kTile);
    for (size_t i = 0; i < kSampledGroups; i++) {
      if (mean <= found[i]) continue;
      std::swap(mean, found[i]);
      std::swap(group, w.spikyGroups[i]);
    }
  }
}

}  // namespace w4a16
