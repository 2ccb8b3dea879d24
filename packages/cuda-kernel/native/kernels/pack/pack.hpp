// Kernels that bring a weight from the interchange layout to the packed one, and from there to
// dense 16- or 32-bit values. All enqueue on `stream` and return.
#pragma once
#include <cuda_runtime_api.h>

#include "../fused_problem.hpp"

namespace w4a16 {

// Interchange bytes [K/2, N] (device memory) → packed (PackedExtent(N, K).bytes()).
cudaError_t launchRepack(const uint8_t* interchange, uint8_t* packed, int64_t N, int64_t K,
                         bool isSigned, cudaStream_t stream);

// Scales and zeros [K/G, N], float32 in device memory, each rounded to `type` → the plain table
// (layout/params.hpp), ParamTable::plainBytes(). Zeros become those of the stored, unsigned codes.
cudaError_t launchPlainParams(const float* scales, const float* zeros, float* plain, DataType type,
                              int64_t N, int64_t K, int64_t groupSize, bool isSigned,
                              cudaStream_t stream);

// The plain table → the table of a 16-bit `type`: layout/params.hpp, or layout/hopper_params.hpp,
// which must fit the zero points (zerosFit()). Scales are multiplied by `factor`, a power of two,
// and rounded to `type`; the zero point enters c before its only rounding.
cudaError_t launchParams(const float* plain, uint8_t* params, Encoding encoding, DataType type,
                         float factor, int64_t N, int64_t K, int64_t groupSize,
                         cudaStream_t stream);

// packed and the table of `type` (float32: the plain one) → dense W [N, K] of `type`, rows
// contiguous: exactly the values by which the fused kernels that read this table multiply, times
// `outScale`.
cudaError_t launchDequantize(const uint8_t* packed, const uint8_t* params, Encoding encoding,
                             void* dense, DataType type, float outScale, int64_t N, int64_t K,
                             int64_t groupSize, cudaStream_t stream);

}  // namespace w4a16
