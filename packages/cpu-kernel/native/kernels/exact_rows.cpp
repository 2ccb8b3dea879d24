// Exceptional rows and columns of the dot-product paths, in float64: infinities and NaNs propagate
// as the definition Σ x·((code - zero)·scale) says, and magnitudes far from 1 neither overflow nor
// vanish. Slow, and only ever used for what needs it. Forward only.
#include "kernels/job.h"

namespace w4a16 {
namespace {
// One lane: reads a row as it is and rounds a result, with the portable conversions.
#include "kernels/scalar_formats.inl"

struct Vec {
  static constexpr size_t kLanes = 1;
  float v;
  static Vec load(const float* p) { return {*p}; }
  void store(float* p) const { *p = v; }
  static Vec loadFloat16(const uint16_t* p) { return {fromFloat16(*p)}; }
  void storeFloat16(uint16_t* p) const { *p = toFloat16(v); }
  static Vec loadBFloat16(const uint16_t* p) { return {floatOf(uint32_t(*p) << 16)}; }
  void storeBFloat16(uint16_t* p) const { *p = toBFloat16(v); }
};
Vec operator+(Vec a, Vec b) {
  return {a.v + b.v};
}

#include "kernels/rows.inl"

// One row of one tile; only the columns of `mask`.
void exactRow(const Job& job, size_t row, size_t tile, uint64_t mask, const float* x) {
  const WeightView& w = *job.weight;
  double sum[kTile] = {};
  for (size_t q = 0; q < w.groups * w.quadsPerGroup; q++) {
    const size_t parameters = (tile * w.groups + q / w.quadsPerGroup) * kTile;
    const uint8_t* codes = w.codes + (tile * w.quads + q / 2 * 2) * kQuadBytes;
    const size_t real = realColumns(w, q).count;
    for (size_t b = 0; b < real; b++) {
      const double a = x[q * kQuad + b];
      for (size_t n = 0; n < kTile; n++) {
        const uint8_t byte = codes[n * kQuad + b];
        const double code = double(q % 2 ? byte >> 4 : byte & 15) - w.codeBias;
        sum[n] += a * ((code - w.zeros[parameters + n]) * w.scales[parameters + n]);
      }
    }
  }
  float y[kTile];
  for (size_t n = 0; n < kTile; n++) y[n] = float(sum[n]);
  const size_t count = tileColumns(w.n, tile);
  for (size_t n = 0; n < count; n++) {
    if (mask >> n & 1) storeRow<Vec>(job, row, tile * kTile + n, 1, y + n);
  }
}

size_t scratchBytes(const WeightView& w, bool) {
  return w.quads * kQuad * sizeof(float);
}

void compute(const Job& job, RowClass c, size_t tile, size_t tiles, size_t begin, size_t end,
             uint8_t* scratch) {
  float* x = reinterpret_cast<float*>(scratch);
  for (size_t i = begin; i < end; i++) {
    widenRow<Vec>(job, job.order[i], x);
    for (size_t t = tile; t < tile + tiles; t++) {
      const uint64_t mask = c == kExceptional ? ~uint64_t{0} : job.weight->exceptionalColumns[t];
      exactRow(job, job.order[i], t, mask, x);
    }
  }
}

constexpr Path kPath = {"exact-float64", false,   false,   nullptr, scratchBytes,
                        nullptr,         compute, nullptr, nullptr};
}  // namespace

extern const Path* const kExactRows;
const Path* const kExactRows = &kPath;

}  // namespace w4a16
