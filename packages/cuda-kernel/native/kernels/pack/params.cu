#include "../../layout/hopper_params.hpp"
#include "../common/numeric.cuh"
#include "grid.cuh"
#include "pack.hpp"
#include "stored.hpp"

namespace w4a16 {
namespace {

__global__ void plainParamsKernel(const float* scales, const float* zeros, float2* plain,
                                  DataType type, int64_t N, int64_t K, int64_t groupSize,
                                  bool isSigned) {
  const layout::ParamTable table(N, K, groupSize);
  const int64_t width = table.entriesPerRow * layout::kEntrySize;
  for (int64_t i = firstIndex(); i < table.rows * width; i += indexStep()) {
    const int64_t row = i / width, n = i % width;
    plain[i] = n < N ? make_float2(roundTo(type, scales[row * N + n]),
                                   storedZero(roundTo(type, zeros[row * N + n]), isSigned))
                     : make_float2(0.f, 0.f);
  }
}

// The byte m for a scale and a zero point. Outside of what m can hold, c is many scales and its
// rounding is one error for a whole group: of the integers that are nearest, the one whose c
// rounds best. (Any of them leaves q − μ exact.)
template <typename T>
__device__ int chooseMidpoint(float scale, float z) {
  constexpr int kCandidates = 16;
  const int nearest = layout::midpointByte(z);
  if (fabsf(layout::midpoint(nearest) - z) <= 0.5f) return nearest;
  const int step = nearest == 0 ? 1 : -1;
  int best = nearest;
  float smallest = INFINITY;
  for (int i = 0; i < kCandidates; i++) {
    const int m = nearest + i * step;
    const float c = layout::offsetC(scale, z, m);
    const float error = fabsf(Numeric<T>::toFloat(Numeric<T>::fromFloat(c)) - c);
    if (error < smallest) smallest = error, best = m;
  }
  return best;
}

template <typename T>
__global__ void paramsKernel(const float2* plain, uint8_t* params, float factor, int64_t N,
                             int64_t K, int64_t groupSize) {
  const layout::ParamTable table(N, K, groupSize);
  const int64_t width = table.entriesPerRow * layout::kEntrySize;
  for (int64_t i = firstIndex(); i < table.rows * width; i += indexStep()) {
    const int64_t row = i / width, n = i % width;
    const T scale = Numeric<T>::fromFloat(plain[i].x * factor);
    const float s = Numeric<T>::toFloat(scale), z = plain[i].y;
    const int m = chooseMidpoint<T>(s, z);
    uint8_t* entry = params + table.entryOffset(row, n);
    *reinterpret_cast<T*>(entry + layout::entryScale(n)) = scale;
    *reinterpret_cast<T*>(entry + layout::entryOffsetC(n)) =
        Numeric<T>::fromFloat(layout::offsetC(s, z, m));
    entry[layout::entryMidpoint(n)] = static_cast<uint8_t>(m);
  }
}

// z' and s' of Encoding::Zero.
template <typename T>
__global__ void hopperParamsKernel(const float2* plain, uint8_t* params, float factor, int64_t N,
                                   int64_t K, int64_t groupSize) {
  const layout::ParamTable table(N, K, groupSize, layout::kHopperEntryBytes);
  const int64_t width = table.entriesPerRow * layout::kEntrySize;
  constexpr float kUnit = layout::zeroUnit(Numeric<T>::kType == DataType::Float16);
  for (int64_t i = firstIndex(); i < table.rows * width; i += indexStep()) {
    const int64_t row = i / width, n = i % width;
    uint8_t* entry = params + table.entryOffset(row, n);
    // Powers of two: one rounding each.
    *reinterpret_cast<T*>(entry + layout::entryScale(n)) =
        Numeric<T>::fromFloat(plain[i].x * factor / kUnit);
    *reinterpret_cast<T*>(entry + layout::entryZero(n)) =
        Numeric<T>::fromFloat(-plain[i].y * kUnit);
  }
}

unsigned tableGrid(int64_t N, int64_t K, int64_t groupSize) {
  const layout::ParamTable table(N, K, groupSize);
  return gridFor(table.rows * table.entriesPerRow * layout::kEntrySize);
}

}  // namespace

cudaError_t launchPlainParams(const float* scales, const float* zeros, float* plain, DataType type,
                              int64_t N, int64_t K, int64_t groupSize, bool isSigned,
                              cudaStream_t stream) {
  plainParamsKernel<<<tableGrid(N, K, groupSize), kPackThreads, 0, stream>>>(
      scales, zeros, reinterpret_cast<float2*>(plain), type, N, K, groupSize, isSigned);
  return cudaGetLastError();
}

cudaError_t launchParams(const float* plain, uint8_t* params, Encoding encoding, DataType type,
                         float factor, int64_t N, int64_t K, int64_t groupSize,
                         cudaStream_t stream) {
  using Kernel = void (*)(const float2*, uint8_t*, float, int64_t, int64_t, int64_t);
  static constexpr Kernel kKernels[2][2] = {
      // [bfloat16][encoding]
      {paramsKernel<__half>, hopperParamsKernel<__half>},
      {paramsKernel<__nv_bfloat16>, hopperParamsKernel<__nv_bfloat16>}};
  kKernels[type == DataType::BFloat16]
          [static_cast<int>(encoding)]<<<tableGrid(N, K, groupSize), kPackThreads, 0, stream>>>(
              reinterpret_cast<const float2*>(plain), params, factor, N, K, groupSize);
  return cudaGetLastError();
}

}  // namespace w4a16
