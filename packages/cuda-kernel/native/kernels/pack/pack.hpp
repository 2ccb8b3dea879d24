// Kernels that move a weight between the interchange layout, the packed layout and
// dense 16- or 32-bit values. All enqueue on `stream` and return.
#pragma once
#include <cuda_runtime_api.h>

#include "../fused_problem.hpp"

namespace w4a16 {

// Interchange bytes [K/2, N] (device memory) → packed (PackedExtent(N, K).bytes()).
cudaError_t launchRepack(const uint8_t* interchange, uint8_t* packed, int64_t N, int64_t K, bool isSigned, cudaStream_t stream);

// packed → interchange bytes; the inverse of launchRepack.
cudaError_t launchUnpack(const uint8_t* packed, uint8_t* interchange, int64_t N, int64_t K, bool isSigned, cudaStream_t stream);

// Scales and zeros [K/G, N], float32 in device memory → the parameter table of `type`
// (layout/params.hpp): ParamTable::bytes() for 16-bit types, plainBytes() for float32. Scales
// are rounded to `type`; the zero point enters c before its only rounding.
cudaError_t launchParams(const float* scales, const float* zeros, uint8_t* params, DataType type, int64_t N, int64_t K,
                         int64_t groupSize, bool isSigned, cudaStream_t stream);

// packed and params of `type` → dense W [N, K] of `type`, rows contiguous: exactly the values the fused
// kernels multiply by.
cudaError_t launchDequantize(const uint8_t* packed, const uint8_t* params, void* dense, DataType type, int64_t N, int64_t K,
                             int64_t groupSize, cudaStream_t stream);

}  // namespace w4a16
