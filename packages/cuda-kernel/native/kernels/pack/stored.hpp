// What becomes of scales and zero points before anything else, on the host and the device alike.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "../../layout/host_device.hpp"
#include "../fused_problem.hpp"

namespace w4a16 {

// The nearest number of `type`.
W4A16_HOST_DEVICE float roundTo(DataType type, float x) {
  switch (type) {
    case DataType::Float16:
      return __half2float(__float2half_rn(x));
    case DataType::BFloat16:
      return __bfloat162float(__float2bfloat16_rn(x));
    default:
      return x;
  }
}

// A signed code is stored raised by 8, and so is its zero point.
W4A16_HOST_DEVICE float storedZero(float zero, bool isSigned) {
  return isSigned ? zero + 8.f : zero;
}

}  // namespace w4a16
