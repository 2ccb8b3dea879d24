// Small things the checks and the timings share: CUDA errors, buffers, a hash, dtype access.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

#include "kernels/fused_problem.hpp"

#define CUDA_CHECK(call)                                                 \
  do {                                                                   \
    const cudaError_t error_ = (call);                                   \
    if (error_ != cudaSuccess) {                                         \
      std::fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, \
                   cudaGetErrorString(error_));                          \
      std::exit(3);                                                      \
    }                                                                    \
  } while (0)

namespace harness {

using w4a16::DataType, w4a16::Encoding, w4a16::FusedProblem;

inline const char* nameOf(DataType t) {
  return t == DataType::Float16 ? "float16" : t == DataType::BFloat16 ? "bfloat16" : "float32";
}

// Device memory that lives as long as the object.
template <typename T>
class Buffer {
 public:
  explicit Buffer(size_t count = 0) { resize(count); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { cudaFree(data_); }
  void resize(size_t count) {
    if (count <= count_) return;
    CUDA_CHECK(cudaFree(data_));
    CUDA_CHECK(cudaMalloc(&data_, count * sizeof(T)));
    count_ = count;
  }
  T* get() const { return data_; }
  size_t bytes() const { return count_ * sizeof(T); }

 private:
  T* data_ = nullptr;
  size_t count_ = 0;
};

// A pure function of its argument, so that every buffer can be made again anywhere.
__host__ __device__ inline uint32_t mix(uint32_t x) {
  x ^= x >> 16, x *= 0x7feb352dU, x ^= x >> 15, x *= 0x846ca68bU;
  return x ^ x >> 16;
}
__host__ __device__ inline float uniform(uint32_t x) {
  return ((mix(x) >> 8) + 0.5f) * (1.f / 16777216.f);
}

__device__ inline float loadAs(const void* p, DataType t, int64_t i) {
  switch (t) {
    case DataType::Float16:
      return __half2float(static_cast<const __half*>(p)[i]);
    case DataType::BFloat16:
      return __bfloat162float(static_cast<const __nv_bfloat16*>(p)[i]);
    default:
      return static_cast<const float*>(p)[i];
  }
}
__device__ inline void storeAs(void* p, DataType t, int64_t i, float v) {
  switch (t) {
    case DataType::Float16:
      static_cast<__half*>(p)[i] = __float2half_rn(v);
      break;
    case DataType::BFloat16:
      static_cast<__nv_bfloat16*>(p)[i] = __float2bfloat16_rn(v);
      break;
    default:
      static_cast<float*>(p)[i] = v;
  }
}
__device__ inline double rounded(DataType t, double v) {
  switch (t) {
    case DataType::Float16:
      return __half2float(__double2half(v));
    case DataType::BFloat16:
      return __bfloat162float(__double2bfloat16(v));
    default:
      return static_cast<float>(v);
  }
}

inline unsigned gridFor(int64_t items) {
  const int64_t blocks = (items + 255) / 256;
  return static_cast<unsigned>(blocks < 1 ? 1 : blocks < 8192 ? blocks : 8192);
}
#define GRID_STRIDE(i, count)                                                   \
  for (int64_t i = blockIdx.x * (int64_t)blockDim.x + threadIdx.x; i < (count); \
       i += (int64_t)gridDim.x * blockDim.x)

}  // namespace harness
