// A weight on the device: one packed copy, its plain parameters, and for each 16-bit activation
// type that has been used a table, or two: the kernels of one device may want two encodings.
#pragma once
#include <array>

#include "../kernels/pack/pack.hpp"
#include "../layout/params.hpp"

namespace w4a16 {

struct Weight {
  int64_t N = 0, K = 0, groupSize = 0;
  uint8_t* packed = nullptr;
  float* plain = nullptr;
  uint8_t* tables[2][2] = {};         // [Float16, BFloat16][encoding]: made on a type's first use
  bool zerosFit[2] = {false, false};  // Encoding::Zero in Float16, BFloat16
  float outScale = 1.f;               // of the Float16 tables
  size_t bytes = 0;                   // held now

  // All of its memory; null for a table that was not made.
  std::array<void*, 6> memory() const {
    return {packed, plain, tables[0][0], tables[0][1], tables[1][0], tables[1][1]};
  }
  const uint8_t* tableOf(DataType type, Encoding encoding) const {
    return type == DataType::Float32 ? reinterpret_cast<const uint8_t*>(plain)
                                     : tables[static_cast<int>(type)][static_cast<int>(encoding)];
  }
  // The better encoding for the kernels that read both.
  Encoding encodingOf(DataType type) const {
    return type != DataType::Float32 && zerosFit[static_cast<int>(type)] ? Encoding::Zero
                                                                         : Encoding::Midpoint;
  }
  float outScaleOf(DataType type) const { return type == DataType::Float16 ? outScale : 1.f; }
};

// The power of two that brings the largest finite scale near 2^kScaleExponent in the float16 table,
// inverted.
float float16OutScale(const float* scales, size_t count);

// Whether all zero points, rounded to `kept` and then raised by 8 if the codes are signed, are
// numbers of the 16-bit `type`, as layout/hopper_params.hpp wants them.
bool zerosFit(const float* zeros, size_t count, bool isSigned, DataType kept, DataType type);

}  // namespace w4a16
