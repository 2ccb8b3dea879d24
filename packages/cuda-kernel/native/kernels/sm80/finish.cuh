// From the groups' accumulators to the output: add the groups, add the splits, add the
// bias, round, store. Every sum is taken in a fixed order, so a call's bits repeat.
#pragma once
#include "../common/numeric.cuh"
#include "arguments.hpp"
#include "tiles.hpp"

namespace w4a16::sm80 {

W4A16_DEVICE float loadAs(const void* p, DataType type, int64_t i) {
  switch (type) {
    case DataType::Float16:
      return __half2float(static_cast<const __half*>(p)[i]);
    case DataType::BFloat16:
      return __bfloat162float(static_cast<const __nv_bfloat16*>(p)[i]);
    default:
      return static_cast<const float*>(p)[i];
  }
}

template <typename T>
W4A16_DEVICE uint32_t pack2(float lo, float hi) {
  const T l = Numeric<T>::fromFloat(lo), h = Numeric<T>::fromFloat(hi);
  return static_cast<uint32_t>(reinterpret_cast<const uint16_t&>(l)) |
         static_cast<uint32_t>(reinterpret_cast<const uint16_t&>(h)) << 16;
}

// Eight neighbouring features of one token, from `feature` on; those past the edge are not stored.
template <typename T>
W4A16_DEVICE void storeRounded(const FusedArguments& args, int64_t offset, int feature,
                               const float (&v)[8]) {
  T* out = static_cast<T*>(args.out) + offset;
  if (args.outAligned && feature + 8 <= args.features) {
    *reinterpret_cast<uint4*>(out) = make_uint4(pack2<T>(v[0], v[1]), pack2<T>(v[2], v[3]),
                                                pack2<T>(v[4], v[5]), pack2<T>(v[6], v[7]));
  } else {
#pragma unroll
    for (int i = 0; i < 8; i++)
      if (feature + i < args.features) out[i] = Numeric<T>::fromFloat(v[i]);
  }
}

W4A16_DEVICE void storeOutput(const FusedArguments& args, int token, int feature, float (&v)[8]) {
#pragma unroll
  for (int i = 0; i < 8; i++) v[i] *= args.outScale;
  if (args.bias) {
#pragma unroll
    for (int i = 0; i < 8; i++)
      if (feature + i < args.features) v[i] += loadAs(args.bias, args.biasType, feature + i);
  }
  const int64_t offset = token * args.outStride + feature;
  switch (args.outType) {
    case DataType::Float16:
      return storeRounded<__half>(args, offset, feature, v);
    case DataType::BFloat16:
      return storeRounded<__nv_bfloat16>(args, offset, feature, v);
    default: {
      float* out = static_cast<float*>(args.out) + offset;
#pragma unroll
      for (int i = 0; i < 8; i++)
        if (feature + i < args.features) out[i] = v[i];
    }
  }
}

template <int TileIndex>
struct Collector {
  static constexpr TileShape kTile = kTiles[TileIndex];
  static constexpr int kPitch = collectPitch(kTile);
  static constexpr int kFloats = kTile.tokens * kPitch;
  static constexpr int kUnits = kTile.tokens * kTile.features / 8;  // of eight features of a token
  static constexpr int kRows = kTile.warpFeatures / 16, kCols = kTile.warpTokens / 8;

  // Adds (or writes) one warp's fragments to a collected tile.
  template <bool Add>
  __device__ __forceinline__ static void put(float* tile, const float (&sum)[kRows][kCols][4],
                                             int row0, int token0, int lane) {
#pragma unroll
    for (int f = 0; f < kRows; f++)
#pragma unroll
      for (int t = 0; t < kCols; t++)
#pragma unroll
        for (int i = 0; i < 4; i++) {
          const int feature = (row0 + f) * 16 + lane / 4 + (i >> 1) * 8;
          const int token = token0 + t * 8 + lane % 4 * 2 + (i & 1);
          float& at = tile[token * kPitch + feature];
          at = Add ? at + sum[f][t][i] : sum[f][t][i];
        }
  }

  // Leaves the sum over all groups readable by get(); every thread of the CTA calls it.
  template <bool AtOnce>
  __device__ __forceinline__ static void collect(float* shared, const float (&sum)[kRows][kCols][4],
                                                 int group, int row0, int token0, int lane) {
    __syncthreads();  // the pipeline's memory is free now
    if constexpr (AtOnce) {
      put<false>(shared + group * kFloats, sum, row0, token0, lane);
      __syncthreads();
    } else {
#pragma unroll 1
      for (int g = 0; g < kTile.groups; g++) {
        if (g == group)
          g == 0 ? put<false>(shared, sum, row0, token0, lane)
                 : put<true>(shared, sum, row0, token0, lane);
        __syncthreads();
      }
    }
  }

  template <bool AtOnce>
  __device__ __forceinline__ static void get(const float* shared, int unit, float (&v)[8]) {
    const float* at =
        shared + unit / (kTile.features / 8) * kPitch + unit % (kTile.features / 8) * 8;
#pragma unroll
    for (int g = 0; g < (AtOnce ? kTile.groups : 1); g++)
#pragma unroll
      for (int h = 0; h < 2; h++) {
        const float4 part = *reinterpret_cast<const float4*>(at + g * kFloats + h * 4);
        const float p[4] = {part.x, part.y, part.z, part.w};
#pragma unroll
        for (int i = 0; i < 4; i++) v[h * 4 + i] = g == 0 ? p[i] : v[h * 4 + i] + p[i];
      }
  }
};

// How many units a thread takes at a time: as many as there are, to 8.
constexpr int unitsAtATime(int units, int threads) {
  for (int count = 8; count > 1; count /= 2)
    if (units % (count * threads) == 0) return count;
  return 1;
}

// Adds up the splits' partial sums of `Count` units, `Threads` apart, in the order of the splits.
// `part`: the first half of the first unit of split 0; `Units` further its second half, and twice
// that the next split's. Those of split `mine` come from `own`, which has the same bits.
template <int Count, int Threads, int Units, typename Own>
W4A16_DEVICE void addPartials(float (&v)[Count][8], const float4* part, int splits, int mine,
                              const Own& own) {
#pragma unroll
  for (int j = 0; j < Count; j++)
#pragma unroll
    for (int i = 0; i < 8; i++) v[j][i] = 0.f;
#pragma unroll 1
  for (int s = 0; s < splits; s++, part += 2 * Units) {
    if (s == mine) {
#pragma unroll
      for (int j = 0; j < Count; j++) {
        float p[8];
        own(j, p);
#pragma unroll
        for (int i = 0; i < 8; i++) v[j][i] += p[i];
      }
      continue;
    }
    float4 lo[Count], hi[Count];
#pragma unroll
    for (int j = 0; j < Count; j++)
      lo[j] = __ldcg(part + j * Threads), hi[j] = __ldcg(part + Units + j * Threads);
#pragma unroll
    for (int j = 0; j < Count; j++) {
      v[j][0] += lo[j].x, v[j][1] += lo[j].y, v[j][2] += lo[j].z, v[j][3] += lo[j].w;
      v[j][4] += hi[j].x, v[j][5] += hi[j].y, v[j][6] += hi[j].z, v[j][7] += hi[j].w;
    }
  }
}

// Counts this CTA's arrival at its tile; true for the last of `splits` (in every thread), which
// may then read what the others wrote. The counter is back at zero when it returns true.
W4A16_DEVICE bool arriveLast(uint32_t* counter, int splits) {
  __shared__ bool last;
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    last = atomicAdd(counter, 1) == static_cast<uint32_t>(splits) - 1;
    if (last) *counter = 0;
    __threadfence();
  }
  __syncthreads();
  return last;
}

}  // namespace w4a16::sm80
