// Lets the layout functions compile as plain C++ (host tests) and as CUDA.
#pragma once
#include <cstdint>

#ifdef __CUDACC__
#define W4A16_HOST_DEVICE __host__ __device__ __forceinline__
#else
#define W4A16_HOST_DEVICE inline
#endif

namespace w4a16 {

template <typename T>
W4A16_HOST_DEVICE constexpr T ceilDiv(T a, T b) {
  return (a + b - 1) / b;
}
template <typename T>
W4A16_HOST_DEVICE constexpr T roundUp(T a, T b) {
  return ceilDiv(a, b) * b;
}

}  // namespace w4a16
