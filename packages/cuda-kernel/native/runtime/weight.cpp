#include "weight.hpp"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cmath>

namespace w4a16 {
namespace {

float roundTo(DataType type, float x) {
  switch (type) {
    case DataType::Float16:
      return __half2float(__float2half_rn(x));
    case DataType::BFloat16:
      return __bfloat162float(__float2bfloat16_rn(x));
    default:
      return x;
  }
}

}  // namespace

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
    const float zero = roundTo(kept, zeros[i]) + (isSigned ? 8.f : 0.f);
    if (!(roundTo(type, zero) == zero)) return false;
  }
  return true;
}

}  // namespace w4a16
