// Division of a non-negative int by a fixed divisor: a high multiplication, an
// addition and a shift instead of some twenty instructions. (Granlund and
// Montgomery, "Division by invariant integers using multiplication", 1994.)
#pragma once
#include "../../layout/host_device.hpp"

namespace w4a16 {

struct FastDivisor {
  uint32_t multiplier = 1;
  uint32_t shift = 0;

  FastDivisor() = default;
  explicit FastDivisor(uint32_t d) {
    while ((1ull << shift) < d) shift++;
    multiplier = static_cast<uint32_t>(((1ull << 32) * ((1ull << shift) - d)) / d + 1);
  }

  // n / d for 0 ≤ n < 2³¹.
  W4A16_HOST_DEVICE uint32_t divide(uint32_t n) const {
#ifdef __CUDA_ARCH__
    const uint32_t high = __umulhi(n, multiplier);
#else
    const uint32_t high = static_cast<uint32_t>((static_cast<uint64_t>(n) * multiplier) >> 32);
#endif
    return (high + n) >> shift;
  }
};

}  // namespace w4a16
