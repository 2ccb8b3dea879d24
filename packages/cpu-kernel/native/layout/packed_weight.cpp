#include "layout/packed_weight.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "layout/survey.h"

namespace w4a16 {
namespace {

size_t ceilDiv(size_t value, size_t unit) {
  return (value + unit - 1) / unit;
}

WeightView shapeOf(size_t n, size_t k, size_t groupSize) {
  WeightView w{};
  w.n = n;
  w.k = k;
  w.groupSize = groupSize;
  w.groups = k / groupSize;
  w.quadsPerGroup = ceilDiv(groupSize, 2 * kQuad) * 2;
  w.quads = ceilDiv(w.groups * w.quadsPerGroup, kTileQuads) * kTileQuads;
  w.nTiles = ceilDiv(n, kTile);
  return w;
}

size_t codeBytes(const WeightView& w) {
  return w.nTiles * w.quads * kQuadBytes;
}
size_t parameterCount(const WeightView& w) {
  return w.nTiles * w.groups * kTile;
}

// A pair of quads, whose rows are the nibbles of four byte rows. Written for the compiler to
// vectorize: whole bytes, no branches.
void packPair(const uint8_t* const* rows, uint8_t flip, uint8_t* to) {
  for (size_t n = 0; n < kTile; n++) {
    const uint32_t a = uint8_t(rows[0][n] ^ flip), b = uint8_t(rows[1][n] ^ flip);
    const uint32_t c = uint8_t(rows[2][n] ^ flip), d = uint8_t(rows[3][n] ^ flip);
    const uint32_t dword = (a & 15) | (c & 15) << 4 | (a >> 4) << 8 | (c >> 4) << 12 |
                           (b & 15) << 16 | (d & 15) << 20 | (b >> 4) << 24 | (d >> 4) << 28;
    std::memcpy(to + 4 * n, &dword, 4);
  }
}

// Columns [n0, n0 + 64) of a byte row; missing ones are zero.
void copyColumns(const Int4Source& s, size_t byteRow, size_t n0, uint8_t* to) {
  const size_t left = s.n - n0, count = left < kTile ? left : kTile;
  std::memcpy(to, s.packed + byteRow * s.n + n0, count);
  if (count < kTile) std::memset(to + count, 0, kTile - count);
}

// Four byte rows for a pair of quads of `count` rows from k on, for any parity and count.
void gatherRows(const Int4Source& s, size_t k, size_t count, size_t n0, uint8_t rows[4][kTile]) {
  uint8_t bytes[kTile];
  std::memset(rows, 0, 4 * kTile);
  for (size_t b = 0; b < count; b++) {
    copyColumns(s, (k + b) / 2, n0, bytes);
    const int from = (k + b) % 2 * 4, to = b % 2 * 4;
    for (size_t n = 0; n < kTile; n++) rows[b / 2][n] |= uint8_t((bytes[n] >> from & 15) << to);
  }
}

void packCodes(const Int4Source& s, const WeightView& w, size_t tile, uint8_t* to) {
  const uint8_t flip = s.isSigned ? 0x88 : 0;
  const size_t n0 = tile * kTile;
  constexpr size_t kPair = 2 * kQuad;
  const bool whole = s.groupSize % kPair == 0 && n0 + kTile <= s.n;
  uint8_t gathered[4][kTile];
  for (size_t q = 0; q < w.groups * w.quadsPerGroup; q += 2, to += 2 * kQuadBytes) {
    const uint8_t* rows[4] = {gathered[0], gathered[1], gathered[2], gathered[3]};
    if (whole) {
      for (size_t i = 0; i < 4; i++) rows[i] = s.packed + (2 * q + i) * s.n + n0;
    } else {
      const size_t inGroup = q % w.quadsPerGroup * kQuad;
      const size_t left = s.groupSize - inGroup;
      gatherRows(s, q / w.quadsPerGroup * s.groupSize + inGroup, left < kPair ? left : kPair, n0,
                 gathered);
    }
    packPair(rows, flip, to);
  }
  std::memset(to, 0, (w.quads - w.groups * w.quadsPerGroup) * kQuadBytes);
}

// [groups][64] of one tile; missing columns are zero. Gives the columns with a value beyond
// `limit`.
uint64_t packParameters(const Int4Source& s, const WeightView& w, size_t tile, const float* from,
                        float limit, float* to) {
  const size_t n0 = tile * kTile;
  const size_t left = s.n - n0, count = left < kTile ? left : kTile;
  bool beyond[kTile] = {};
  for (size_t g = 0; g < w.groups; g++, to += kTile) {
    std::memcpy(to, from + g * s.n + n0, count * sizeof(float));
    std::memset(to + count, 0, (kTile - count) * sizeof(float));
    for (size_t n = 0; n < kTile; n++) beyond[n] |= !(std::fabs(to[n]) <= limit);  // a NaN as well
  }
  uint64_t columns = 0;
  for (size_t n = 0; n < kTile; n++) columns |= uint64_t{beyond[n]} << n;
  return columns;
}

// Beyond these the dot-product paths could overflow, or lose a sum beside its zero's correction.
constexpr float kLargestScale = 0x1p20f;
constexpr float kLargestZero = 4096;
// With more exceptional columns than one in this many, the float32 path is faster.
constexpr size_t kPlainColumns = 32;

}  // namespace

bool PackedWeight::pack(const Int4Source& source, ThreadPool& pool) {
  view_ = shapeOf(source.n, source.k, source.groupSize);
  view_.codeBias = source.isSigned ? 8 : 0;
  const size_t count = parameterCount(view_);
  if (!codes_.reset(codeBytes(view_)) || !parameters_.reset(2 * count * sizeof(float)) ||
      !exceptional_.reset(view_.nTiles * sizeof(uint64_t))) {
    return false;
  }
  float* scales = reinterpret_cast<float*>(parameters_.data());
  float* zeros = scales + count;
  view_.codes = codes_.data();
  view_.scales = scales;
  view_.zeros = zeros;
  uint64_t* exceptional = reinterpret_cast<uint64_t*>(exceptional_.data());
  view_.exceptionalColumns = exceptional;

  std::vector<TileSurvey> surveys(view_.nTiles);
  pool.run(view_.nTiles, [&](size_t tile, size_t) {
    packCodes(source, view_, tile, codes_.data() + tile * view_.quads * kQuadBytes);
    const size_t at = tile * view_.groups * kTile;
    exceptional[tile] =
        packParameters(source, view_, tile, source.scales, kLargestScale, scales + at) |
        packParameters(source, view_, tile, source.zeros, kLargestZero, zeros + at);
    clearIdleScales(view_, tile, scales + at);
    surveys[tile] = surveyTile(view_, tile);
  });
  size_t columns = 0;
  for (size_t tile = 0; tile < view_.nTiles; tile++) {
    columns += size_t(__builtin_popcountll(exceptional[tile]));
  }
  view_.mostlyPlain = columns <= 2 + view_.n / kPlainColumns;
  const TileSurvey whole = sumOf(surveys);
  view_.steadyScales = columns == 0 && !whole.hasTinyScales;
  view_.offCentre = offCentre(whole);
  view_.forwardOffCentre = forwardOffCentre(whole);
  findSpikyGroups(view_);
  return true;
}

}  // namespace w4a16
