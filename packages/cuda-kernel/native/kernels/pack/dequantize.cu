#include "../../layout/hopper_params.hpp"
#include "../common/numeric.cuh"
#include "grid.cuh"
#include "pack.hpp"

namespace w4a16 {
namespace {

// Columns that lie next to each other in the packed weight: the codes of eight neighbouring quads.
constexpr int kRun = 8;

// The parameters of rows n and n + 8 in a group, and what they make of a code: one rounding for
// each of the fused kernels' instructions, not a float32 result rounded again.
template <typename T, Encoding Form>
struct PairParams {
  static constexpr int kEntryBytes = layout::kEntryBytes;
  float midpoint[2];
  T scale[2], offset[2];
  float outScale;

  __device__ void load(const uint8_t* params, const layout::ParamTable& table, int64_t group,
                       int64_t n) {
    const uint8_t* entry = params + table.entryOffset(group, n);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int64_t row = (n & 7) + 8 * half;
      midpoint[half] = layout::midpoint(entry[layout::entryMidpoint(row)]);
      scale[half] = *reinterpret_cast<const T*>(entry + layout::entryScale(row));
      offset[half] = *reinterpret_cast<const T*>(entry + layout::entryOffsetC(row));
    }
  }
  __device__ T value(uint32_t code, int half) const {
    const float q = static_cast<float>(code) - midpoint[half];
    const T w = __hfma(Numeric<T>::fromFloat(q), scale[half], offset[half]);
    return Numeric<T>::fromFloat(Numeric<T>::toFloat(w) * outScale);
  }
};

template <typename T>
struct PairParams<T, Encoding::Zero> {
  static constexpr int kEntryBytes = layout::kHopperEntryBytes;
  T scale[2], zero[2];
  float outScale;

  __device__ void load(const uint8_t* params, const layout::ParamTable& table, int64_t group,
                       int64_t n) {
    const uint8_t* entry = params + table.entryOffset(group, n);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int64_t row = (n & 7) + 8 * half;
      scale[half] = *reinterpret_cast<const T*>(entry + layout::entryScale(row));
      zero[half] = *reinterpret_cast<const T*>(entry + layout::entryZero(row));
    }
  }
  __device__ T value(uint32_t code, int half) const {
    constexpr float kUnit = layout::zeroUnit(Numeric<T>::kType == DataType::Float16);
    const T d = __hfma(Numeric<T>::fromFloat(static_cast<float>(code)),
                       Numeric<T>::fromFloat(kUnit), zero[half]);
    return Numeric<T>::fromFloat(Numeric<T>::toFloat(__hmul(d, scale[half])) * outScale);
  }
};

template <>
struct PairParams<float, Encoding::Midpoint> {
  static constexpr int kEntryBytes = layout::kEntryBytes;
  float2 plain[2];  // scale, zero
  float outScale;

  __device__ void load(const uint8_t* params, const layout::ParamTable& table, int64_t group,
                       int64_t n) {
#pragma unroll
    for (int half = 0; half < 2; ++half)
      plain[half] =
          *reinterpret_cast<const float2*>(params + table.plainOffset(group, n + 8 * half));
  }
  __device__ float value(uint32_t code, int half) const {
    return (static_cast<float>(code) - plain[half].y) * plain[half].x;
  }
};

// A thread takes 16 bytes of a block, the quads (n, k)..(n, k + 7): the codes of rows n and n + 8
// from column k to k + 15. Lanes run along the four blocks of a super-tile's row, then down its
// rows: a warp reads 512 bytes in a row and writes 64 columns of 16 rows, whole 32-byte sectors.
template <typename T, Encoding Form>
__global__ void dequantizeKernel(const uint8_t* packed, const uint8_t* params, T* dense,
                                 float outScale, int64_t N, int64_t K, int64_t groupSize) {
  constexpr int kThreadsPerTile = layout::kTileBytes / 16;
  const layout::PackedExtent extent(N, K);
  using Params = PairParams<T, Form>;
  const layout::ParamTable table(N, K, groupSize, Params::kEntryBytes);
  const bool vectors = K % kRun == 0;
  for (int64_t i = firstIndex(); i < extent.tilesN * extent.tilesK * kThreadsPerTile;
       i += indexStep()) {
    const int64_t tile = i / kThreadsPerTile;
    const int at = static_cast<int>(i % kThreadsPerTile);
    // at = (block row, row in block, block column): neighbours lie in neighbouring columns
    const int blockColumn = at % 4, row = at / 4 % 8, blockRow = at / 32;
    const int64_t n =
        tile % extent.tilesN * layout::kTileSize + blockRow * layout::kBlockSize + row;
    const int64_t k = tile / extent.tilesN * layout::kTileSize + blockColumn * layout::kBlockSize;
    if (n >= N || k >= K) continue;
    const uint4 quads = *reinterpret_cast<const uint4*>(packed + extent.quadOffset(n, k));
    const uint32_t words[4] = {quads.x, quads.y, quads.z, quads.w};

    Params p;
    p.outScale = outScale;
    int64_t group = k / groupSize, left = groupSize - k % groupSize;
    p.load(params, table, group, n);
#pragma unroll
    for (int side = 0; side < 2; ++side) {  // columns k..k+7, then k+8..k+15
      const int64_t column = k + kRun * side;
      alignas(16) T values[2][kRun];
#pragma unroll
      for (int j = 0; j < kRun; ++j) {
        if (left == 0 && column + j < K) p.load(params, table, ++group, n), left = groupSize;
        --left;
        const uint32_t quad = words[j / 2] >> (16 * (j % 2));
#pragma unroll
        for (int half = 0; half < 2; ++half)
          values[half][j] = p.value(quad >> (4 * (2 * half + side)) & 15u, half);
      }
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        if (n + 8 * half >= N) continue;
        T* out = dense + (n + 8 * half) * K + column;
        if (vectors && column < K) {
#pragma unroll
          for (int v = 0; v < static_cast<int>(kRun * sizeof(T) / 16); ++v)
            reinterpret_cast<uint4*>(out)[v] = reinterpret_cast<const uint4*>(values[half])[v];
        } else {
#pragma unroll
          for (int j = 0; j < kRun; ++j)
            if (column + j < K) out[j] = values[half][j];
        }
      }
    }
  }
}

}  // namespace

cudaError_t launchDequantize(const uint8_t* packed, const uint8_t* params, Encoding encoding,
                             void* dense, DataType type, float outScale, int64_t N, int64_t K,
                             int64_t groupSize, cudaStream_t stream) {
  const unsigned grid = gridFor(layout::PackedExtent(N, K).bytes() / 16);
  const auto launch = [&](auto* kernel, auto* to) {
    kernel<<<grid, kPackThreads, 0, stream>>>(packed, params, to, outScale, N, K, groupSize);
    return cudaGetLastError();
  };
  const bool zeros = encoding == Encoding::Zero;
  if (type == DataType::Float16)
    return launch(zeros ? dequantizeKernel<__half, Encoding::Zero>
                        : dequantizeKernel<__half, Encoding::Midpoint>,
                  static_cast<__half*>(dense));
  if (type == DataType::BFloat16)
    return launch(zeros ? dequantizeKernel<__nv_bfloat16, Encoding::Zero>
                        : dequantizeKernel<__nv_bfloat16, Encoding::Midpoint>,
                  static_cast<__nv_bfloat16*>(dense));
  return launch(dequantizeKernel<float, Encoding::Midpoint>, static_cast<float*>(dense));
}

}  // namespace w4a16
