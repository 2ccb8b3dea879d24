#include "../../layout/params.hpp"
#include "../common/numeric.cuh"
#include "grid.cuh"
#include "pack.hpp"

namespace w4a16 {
namespace {

__device__ uint32_t storedCode(const uint8_t* packed, const layout::PackedExtent& extent, int64_t n, int64_t k) {
  const uint16_t quad = *reinterpret_cast<const uint16_t*>(packed + extent.quadOffset(n, k));
  return quad >> (4 * layout::quadNibble(n, k)) & 15u;
}

template <typename T>
__global__ void dequantizeKernel(const uint8_t* packed, const uint8_t* params, T* dense, float outScale, int64_t N, int64_t K, int64_t groupSize) {
  const layout::PackedExtent extent(N, K);
  const layout::ParamTable table(N, K, groupSize);
  for (int64_t i = firstIndex(); i < N * K; i += indexStep()) {
    const int64_t n = i / K, k = i % K;
    const uint8_t* entry = params + table.entryOffset(k / groupSize, n);
    const float q = static_cast<float>(storedCode(packed, extent, n, k)) - layout::midpoint(entry[layout::entryMidpoint(n)]);
    // one rounding, as in the fused kernel: not a float32 fma rounded again
    const T w = __hfma(Numeric<T>::fromFloat(q), *reinterpret_cast<const T*>(entry + layout::entryScale(n)),
                       *reinterpret_cast<const T*>(entry + layout::entryOffsetC(n)));
    dense[i] = Numeric<T>::fromFloat(Numeric<T>::toFloat(w) * outScale);
  }
}

__global__ void dequantizePlainKernel(const uint8_t* packed, const uint8_t* params, float* dense, int64_t N, int64_t K, int64_t groupSize) {
  const layout::PackedExtent extent(N, K);
  const layout::ParamTable table(N, K, groupSize);
  for (int64_t i = firstIndex(); i < N * K; i += indexStep()) {
    const int64_t n = i / K, k = i % K;
    const float2 p = *reinterpret_cast<const float2*>(params + table.plainOffset(k / groupSize, n));
    dense[i] = (static_cast<float>(storedCode(packed, extent, n, k)) - p.y) * p.x;
  }
}

}  // namespace

cudaError_t launchDequantize(const uint8_t* packed, const uint8_t* params, void* dense, DataType type, float outScale, int64_t N,
                             int64_t K, int64_t groupSize, cudaStream_t stream) {
  const unsigned grid = gridFor(N * K);
  if (type == DataType::Float16)
    dequantizeKernel<<<grid, kPackThreads, 0, stream>>>(packed, params, static_cast<__half*>(dense), outScale, N, K, groupSize);
  else if (type == DataType::BFloat16)
    dequantizeKernel<<<grid, kPackThreads, 0, stream>>>(packed, params, static_cast<__nv_bfloat16*>(dense), outScale, N, K, groupSize);
  else
    dequantizePlainKernel<<<grid, kPackThreads, 0, stream>>>(packed, params, static_cast<float*>(dense), N, K, groupSize);
  return cudaGetLastError();
}

}  // namespace w4a16
