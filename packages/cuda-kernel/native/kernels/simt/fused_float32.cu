#include "../../layout/params.hpp"
#include "../common/fast_divisor.hpp"
#include "../common/numeric.cuh"
#include "fused_float32.hpp"

namespace w4a16 {
namespace {

constexpr int kTile = 64;  // features, tokens and reduction of a step
constexpr int kPitch = kTile + 4;
constexpr int kThreads = 256;  // each computes 4 features × 4 tokens

__device__ float loadAs(const void* p, DataType type, int64_t i) {
  switch (type) {
    case DataType::Float16:
      return __half2float(static_cast<const __half*>(p)[i]);
    case DataType::BFloat16:
      return __bfloat162float(static_cast<const __nv_bfloat16*>(p)[i]);
    default:
      return static_cast<const float*>(p)[i];
  }
}

__device__ void storeAs(void* p, DataType type, int64_t i, float v) {
  switch (type) {
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

// Dequantizes the super-tile (tileN, tileK) into w[reduction][feature].
template <bool Transposed>
__device__ void loadWeights(float (*w)[kPitch], const FusedProblem& p, FastDivisor group, int tileN,
                            int tileK) {
  const layout::PackedExtent extent(p.N, p.K);
  const layout::ParamTable table(p.N, p.K, p.groupSize);
  const uint8_t* tile =
      p.packed + (static_cast<int64_t>(tileK) * extent.tilesN + tileN) * layout::kTileBytes;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const int quad = threadIdx.x + i * kThreads;  // [blockN][blockK][n][k], as the bytes lie
    const uint32_t codes = reinterpret_cast<const uint16_t*>(tile)[quad];
    const int n0 = quad / 256 * 16 + quad / 8 % 8, k0 = quad / 64 % 4 * 16 + quad % 8;
#pragma unroll
    for (int nibble = 0; nibble < 4; nibble++) {
      const int n = n0 + (nibble >> 1) * 8, k = k0 + (nibble & 1) * 8;
      const int64_t row =
          min(static_cast<int64_t>(group.divide(tileK * kTile + k)), table.rows - 1);
      const float2 sz =
          *reinterpret_cast<const float2*>(p.params + table.plainOffset(row, tileN * kTile + n));
      const bool present = tileK * kTile + k < p.K && tileN * kTile + n < p.N;
      w[Transposed ? n : k][Transposed ? k : n] =
          present ? (static_cast<float>(codes >> (4 * nibble) & 15u) - sz.y) * sz.x : 0.f;
    }
  }
}

template <bool Transposed>
__global__ void __launch_bounds__(kThreads)
    fusedFloat32Kernel(const FusedProblem p, FastDivisor group, int tilesAcross) {
  __shared__ float w[kTile][kPitch];
  __shared__ float x[kTile][kPitch];
  const int across = blockIdx.x % tilesAcross;
  const int64_t token0 = static_cast<int64_t>(blockIdx.x / tilesAcross) * kTile;
  const int64_t features = Transposed ? p.K : p.N, reduction = Transposed ? p.N : p.K;
  const int f0 = threadIdx.x % 16 * 4, t0 = threadIdx.x / 16 * 4;
  float sum[4][4] = {};
  for (int step = 0; step * kTile < reduction; step++) {
    loadWeights<Transposed>(w, p, group, Transposed ? step : across, Transposed ? across : step);
    for (int i = threadIdx.x; i < kTile * kTile; i += kThreads) {
      const int r = i % kTile, t = i / kTile;
      const bool present = token0 + t < p.M && step * kTile + r < reduction;
      x[r][t] = present
                    ? static_cast<const float*>(p.x)[(token0 + t) * p.xStride + step * kTile + r]
                    : 0.f;
    }
    __syncthreads();
    // Steps are added up apart: the error of a sum grows with its length.
    float part[4][4] = {};
#pragma unroll 8
    for (int r = 0; r < kTile; r++) {
      const float4 a = *reinterpret_cast<const float4*>(&w[r][f0]),
                   b = *reinterpret_cast<const float4*>(&x[r][t0]);
      const float av[4] = {a.x, a.y, a.z, a.w}, bv[4] = {b.x, b.y, b.z, b.w};
#pragma unroll
      for (int t = 0; t < 4; t++)
#pragma unroll
        for (int f = 0; f < 4; f++) part[t][f] = fmaf(av[f], bv[t], part[t][f]);
    }
#pragma unroll
    for (int t = 0; t < 4; t++)
#pragma unroll
      for (int f = 0; f < 4; f++) sum[t][f] += part[t][f];
    __syncthreads();
  }
#pragma unroll
  for (int t = 0; t < 4; t++)
#pragma unroll
    for (int f = 0; f < 4; f++) {
      const int64_t token = token0 + t0 + t,
                    feature = static_cast<int64_t>(across) * kTile + f0 + f;
      if (token >= p.M || feature >= features) continue;
      const float bias = p.bias ? loadAs(p.bias, p.biasType, feature) : 0.f;
      storeAs(p.out, p.outType, token * p.outStride + feature, sum[t][f] + bias);
    }
}

}  // namespace

cudaError_t launchFusedFloat32(const FusedProblem& p, cudaStream_t stream) {
  if (p.M == 0) return cudaSuccess;
  const int64_t features = p.transposed ? p.K : p.N;
  const int64_t across = ceilDiv<int64_t>(features, kTile),
                blocks = across * ceilDiv<int64_t>(p.M, kTile);
  if (blocks > INT32_MAX) return cudaErrorInvalidValue;
  const FastDivisor group(static_cast<uint32_t>(p.groupSize));
  if (p.transposed)
    fusedFloat32Kernel<true><<<static_cast<unsigned>(blocks), kThreads, 0, stream>>>(
        p, group, static_cast<int>(across));
  else
    fusedFloat32Kernel<false><<<static_cast<unsigned>(blocks), kThreads, 0, stream>>>(
        p, group, static_cast<int>(across));
  return cudaGetLastError();
}

}  // namespace w4a16
