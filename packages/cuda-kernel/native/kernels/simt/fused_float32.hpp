// The fused product for float32 activations, on the ordinary float32 units: every
// product and sum is float32, where the tensor cores' accumulators truncate.
#pragma once
#include <cuda_runtime_api.h>

#include "../fused_problem.hpp"

namespace w4a16 {

// `problem.params` is the plain table; x is float32.
cudaError_t launchFusedFloat32(const FusedProblem& problem, cudaStream_t stream);

}  // namespace w4a16
