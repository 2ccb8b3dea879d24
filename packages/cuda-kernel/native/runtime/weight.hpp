// A weight on the device: one packed copy, its plain parameters, and a table for each
// 16-bit activation type that has been used.
#pragma once
#include "../kernels/pack/pack.hpp"
#include "../layout/params.hpp"

namespace w4a16 {

struct Weight {
  int64_t N = 0, K = 0, groupSize = 0;
  uint8_t* packed = nullptr;
  float* plain = nullptr;
  uint8_t* tables[2] = {nullptr, nullptr};  // Float16, BFloat16: made on first use
  float outScale = 1.f;                     // of the Float16 table
  size_t bytes = 0;                         // held now

  const uint8_t* tableOf(DataType type) const {
    return type == DataType::Float32 ? reinterpret_cast<const uint8_t*>(plain)
                                     : tables[static_cast<int>(type)];
  }
  float outScaleOf(DataType type) const { return type == DataType::Float16 ? outScale : 1.f; }
};

// The power of two that brings the largest finite scale near 2^kScaleExponent in the float16 table,
// inverted.
float float16OutScale(const float* scales, size_t count);

}  // namespace w4a16
