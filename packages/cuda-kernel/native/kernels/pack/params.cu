#include "../../layout/params.hpp"
#include "../common/numeric.cuh"
#include "grid.cuh"
#include "pack.hpp"

namespace w4a16 {
namespace {

// A signed code is stored raised by 8, and so is its zero point.
__device__ float storedZero(float zero, bool isSigned) { return isSigned ? zero + 8.f : zero; }

template <typename T>
__global__ void paramsKernel(const float* scales, const float* zeros, uint8_t* params, int64_t N, int64_t K, int64_t groupSize, bool isSigned) {
  const layout::ParamTable table(N, K, groupSize);
  const int64_t width = table.entriesPerRow * layout::kEntrySize;
  for (int64_t i = firstIndex(); i < table.rows * width; i += indexStep()) {
    const int64_t row = i / width, n = i % width;
    const bool present = n < N;
    const float z = present ? storedZero(zeros[row * N + n], isSigned) : 0.f;
    const T scale = Numeric<T>::fromFloat(present ? scales[row * N + n] : 0.f);
    const int m = layout::midpointByte(z);
    uint8_t* entry = params + table.entryOffset(row, n);
    *reinterpret_cast<T*>(entry + layout::entryScale(n)) = scale;
    *reinterpret_cast<T*>(entry + layout::entryOffsetC(n)) = Numeric<T>::fromFloat(layout::offsetC(Numeric<T>::toFloat(scale), z, m));
    entry[layout::entryMidpoint(n)] = static_cast<uint8_t>(m);
  }
}

__global__ void plainParamsKernel(const float* scales, const float* zeros, float2* params, int64_t N, int64_t K, int64_t groupSize, bool isSigned) {
  const layout::ParamTable table(N, K, groupSize);
  const int64_t width = table.entriesPerRow * layout::kEntrySize;
  for (int64_t i = firstIndex(); i < table.rows * width; i += indexStep()) {
    const int64_t row = i / width, n = i % width;
    params[i] = n < N ? make_float2(scales[row * N + n], storedZero(zeros[row * N + n], isSigned)) : make_float2(0.f, 0.f);
  }
}

}  // namespace

cudaError_t launchParams(const float* scales, const float* zeros, uint8_t* params, DataType type, int64_t N, int64_t K,
                         int64_t groupSize, bool isSigned, cudaStream_t stream) {
  const layout::ParamTable table(N, K, groupSize);
  const unsigned grid = gridFor(table.rows * table.entriesPerRow * layout::kEntrySize);
  if (type == DataType::Float16)
    paramsKernel<__half><<<grid, kPackThreads, 0, stream>>>(scales, zeros, params, N, K, groupSize, isSigned);
  else if (type == DataType::BFloat16)
    paramsKernel<__nv_bfloat16><<<grid, kPackThreads, 0, stream>>>(scales, zeros, params, N, K, groupSize, isSigned);
  else
    plainParamsKernel<<<grid, kPackThreads, 0, stream>>>(scales, zeros, reinterpret_cast<float2*>(params), N, K, groupSize, isSigned);
  return cudaGetLastError();
}

}  // namespace w4a16
