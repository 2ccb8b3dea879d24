// Kernels that measure what a device does at most, for the floors of a benchmark. All enqueue on
// `stream` and return.
#pragma once
#include <cuda_runtime_api.h>

#include <cstddef>

#include "../fused_problem.hpp"

namespace w4a16::probe {

// Fills `bytes` of `data` with random values of `type` of magnitude 1 to 2: products of zeros draw
// less power and run faster than any real one.
cudaError_t launchFill(void* data, size_t bytes, DataType type, cudaStream_t stream);

// Reads `bytes` (a multiple of 16) of `data` `passes` times over, past L1.
cudaError_t launchRead(void* data, size_t bytes, int passes, int multiprocessors,
                       cudaStream_t stream);

// Multiplies and adds `type` with operands in registers: `mma.sync` of the 16-bit types, fused
// multiply-add of float32. `sink`: 16 bytes of device memory. Sets `operations` to how many
// multiplications and additions it does.
cudaError_t launchMultiplyAdd(DataType type, int multiprocessors, void* sink, double* operations,
                              cudaStream_t stream);

}  // namespace w4a16::probe
