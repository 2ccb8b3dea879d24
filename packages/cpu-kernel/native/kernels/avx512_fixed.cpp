// Fixed-point activations with vpdpbusd (AVX-512 VNNI).
//
// Each block of a row is rounded to integers q = round(x / step), written in signed base-256
// digits, and multiplied by the codes in exact integer arithmetic; scale, step and the real-valued
// zero are applied to the integer sum once:
//     y += scale · step · (Σ q·(code - 8) - (zero - 8)·Σ q)
// Two digits (16 bits) carry float16 activations, three (23 bits) others; a float16 row whose
// own values would lose too much in 16 bits takes three. Both sums run over the same q, so the only
// error is that of rounding x.
#include <immintrin.h>

#include "kernels/job.h"

namespace w4a16 {
namespace {
#include "kernels/vec_avx512.inl"
#include "kernels/rows.inl"
#include "kernels/fixed_digits.inl"
#include "kernels/forward_panel.inl"
#include "kernels/fixed_micro.inl"

struct Scratch {
  alignas(64) float y[kPanelRows * kTile];
};

size_t scratchBytes(const WeightView& w, bool) {
  const size_t row = w.quads * kQuad * sizeof(float);
  return row > sizeof(Scratch) ? row : sizeof(Scratch);
}

#include "kernels/fixed_direct.inl"

template <int DIGITS>
void panel(const Job& job, size_t tile, size_t begin, size_t end, Scratch& s) {
  forwardPanel(job, tile, begin, end, s.y,
               [&](auto count, const Block& b, const BlockWeights& weights, size_t from, float* y,
                   bool first) {
                 const Operands<count.value> o(job, b, begin + from);
                 micro<count.value, DIGITS>(o, weights, y, first);
               });
}

template <int DIGITS>
void computeTile(const Job& job, size_t tile, size_t begin, size_t end, Scratch& s) {
  switch (end - begin) {
    case 1:
      return direct<1, DIGITS>(job, tile, begin, s);
    case 2:
      // Two rows of three digits need more registers than there are.
      if (DIGITS == 2) return direct<2, 2>(job, tile, begin, s);
      direct<1, DIGITS>(job, tile, begin, s);
      return direct<1, DIGITS>(job, tile, begin + 1, s);
    default:
      return panel<DIGITS>(job, tile, begin, end, s);
  }
}

void compute(const Job& job, RowClass c, size_t tile, size_t tiles, size_t begin, size_t end,
             uint8_t* scratch) {
  Scratch& s = *reinterpret_cast<Scratch*>(scratch);
  for (size_t t = tile; t < tile + tiles; t++) {
    if (digitsOf(c) == 2) {
      computeTile<2>(job, t, begin, end, s);
    } else {
      computeTile<3>(job, t, begin, end, s);
    }
  }
}

#include "kernels/exercise.inl"

// Each multiplication takes one for every digit.
double exercise(DType type, size_t iterations) {
  const __m512i ones = _mm512_set1_epi8(1);
  exerciseChains(_mm512_setzero_si512(), iterations,
                 [&](__m512i acc) { return _mm512_dpbusd_epi32(acc, ones, ones); });
  const size_t digits = digitsOf(type == DType::kFloat16 ? kRegular : kWide);
  return 2.0 * 64 * kChains * double(iterations) / double(digits);
}

constexpr Path kPath = {"avx512-fixed", true,    false,    packedBytes, scratchBytes,
                        pack,           compute, exercise, nullptr};
}  // namespace

extern const Path* const kAvx512Fixed;
const Path* const kAvx512Fixed = &kPath;

}  // namespace w4a16
