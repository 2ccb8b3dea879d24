// Grid-stride loops for the kernels that run once a weight.
#pragma once
#include <cstdint>

namespace w4a16 {

constexpr int kPackThreads = 256;

inline unsigned gridFor(int64_t items) {
  const int64_t blocks = (items + kPackThreads - 1) / kPackThreads;
  return static_cast<unsigned>(blocks < 1 ? 1 : blocks < 4096 ? blocks : 4096);
}

static __device__ __forceinline__ int64_t firstIndex() {
  return blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
}
static __device__ __forceinline__ int64_t indexStep() {
  return static_cast<int64_t>(gridDim.x) * blockDim.x;
}

}  // namespace w4a16
