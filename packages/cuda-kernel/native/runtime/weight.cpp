#include "weight.hpp"

#include <cmath>

#include "../kernels/pack/stored.hpp"

namespace w4a16 {

float float16OutScale(const float* scales, size_t count) {
  float largest = 0.f;
  for (size_t i = 0; i < count; i++) {
    const float s = std::fabs(scales[i]);
    if (s > largest && std::isfinite(s)) largest = s;
  }
  if (largest == 0.f) return 1.f;
  int exponent;
  std::frexp(largest, &exponent);
  // The inverse must be a normal float32 too.
  const int shift = exponent - layout::kScaleExponent;
  return std::ldexp(1.f, shift < -100 ? -100 : shift > 100 ? 100 : shift);
}

bool zerosFit(const float* zeros, size_t count, bool isSigned, DataType kept, DataType type) {
  if (!isSigned && kept == type) return true;
  for (size_t i = 0; i < count; i++) {
    const float zero = storedZero(roundTo(kept, zeros[i]), isSigned);
    if (!(roundTo(type, zero) == zero)) return false;
  }
  return true;
}

}  // namespace w4a16
