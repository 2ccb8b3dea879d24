// From the warps' accumulators to the output: add the groups, add the splits, store. Every sum is
// taken in a fixed order, so a call's bits repeat.
#pragma once
#include "store.cuh"

namespace w4a16::sm80 {

// A finished tile in shared memory: see collectHalf().
template <int TileIndex>
struct Collector {
  static constexpr TileShape kTile = kTiles[TileIndex];
  static constexpr int kPitch = collectPitch(kTile), kHalf = collectHalf(kTile);
  static constexpr int kFloats = kTile.tokens * kPitch;
  static constexpr int kUnits = kTile.tokens * kTile.features / kUnit;
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
          const int unit = (row0 + f) * 2 + (i >> 1), inUnit = lane / 4;
          const int token = token0 + t * 8 + lane % 4 * 2 + (i & 1);
          float& at = tile[token * kPitch + inUnit / 4 * kHalf + unit * 4 + inUnit % 4];
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
  __device__ __forceinline__ static void get(const float* shared, int unit, float (&v)[kUnit]) {
    constexpr int kAcross = kTile.features / kUnit;
    const float* at = shared + unit / kAcross * kPitch + unit % kAcross * 4;
#pragma unroll
    for (int g = 0; g < (AtOnce ? kTile.groups : 1); g++)
#pragma unroll
      for (int h = 0; h < 2; h++) {
        const float4 part = *reinterpret_cast<const float4*>(at + g * kFloats + h * kHalf);
        const float p[4] = {part.x, part.y, part.z, part.w};
#pragma unroll
        for (int i = 0; i < 4; i++) v[h * 4 + i] = g == 0 ? p[i] : v[h * 4 + i] + p[i];
      }
  }
};

// Adds up the splits' partial sums of `Count` units, `Threads` apart, in the order of the splits.
// `part`: the first half of the first unit of split 0; `Units` further its second half, and twice
// that the next split's. Those of split `mine` come from `own`, which has the same bits.
template <int Threads, int Units, int Count, typename Own>
W4A16_DEVICE void addPartials(float (&v)[Count][kUnit], const float4* part, int splits, int mine,
                              const Own& own) {
#pragma unroll
  for (int j = 0; j < Count; j++)
#pragma unroll
    for (int i = 0; i < kUnit; i++) v[j][i] = 0.f;
#pragma unroll 1
  for (int s = 0; s < splits; s++, part += 2 * Units) {
    if (s == mine) {
#pragma unroll
      for (int j = 0; j < Count; j++) {
        float p[kUnit];
        own(j, p);
#pragma unroll
        for (int i = 0; i < kUnit; i++) v[j][i] += p[i];
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

// From a collected tile to the output; a split one by way of the workspace.
template <typename T, int TileIndex, bool AtOnce>
W4A16_DEVICE void finish(const FusedArguments& args, const Work<TileIndex>& work,
                         const float* collected) {
  constexpr int kThreads = kTiles[TileIndex].threads();
  constexpr int kUnits = Collector<TileIndex>::kUnits;
  const auto own = [&](int unit, float (&v)[kUnit]) {
    Collector<TileIndex>::template get<AtOnce>(collected, unit, v);
  };
  if (args.splits == 1) {
    storeTile<T, TileIndex, kUnits, unitsAtATime(kUnits, kThreads, 2)>(
        args, work, [&](int first, auto& v) {
#pragma unroll
          for (int j = 0; j < static_cast<int>(sizeof(v) / sizeof(v[0])); j++)
            own(first + j * kThreads, v[j]);
        });
    return;
  }
  float4* const partials = reinterpret_cast<float4*>(args.workspace) +
                           static_cast<int64_t>(work.tile) * args.splits * (2 * kUnits);
  float4* const mine = partials + static_cast<int64_t>(work.split) * (2 * kUnits);
  for (int unit = threadIdx.x; unit < kUnits; unit += kThreads) {
    float v[kUnit];
    own(unit, v);
    // The halves of all units apart: a warp's stores, and loads, are then contiguous.
    __stcg(mine + unit, make_float4(v[0], v[1], v[2], v[3]));
    __stcg(mine + kUnits + unit, make_float4(v[4], v[5], v[6], v[7]));
  }
  if (!arriveLast(args.counters + work.tile, args.splits)) return;
  storeTile<T, TileIndex, kUnits, unitsAtATime(kUnits, kThreads, 8)>(
      args, work, [&](int first, auto& v) {
        // Several units at a time: their partial sums come from L2 together. This CTA's own part is
        // still in shared memory.
        addPartials<kThreads, kUnits>(
            v, partials + first, args.splits, work.split,
            [&](int j, float (&p)[kUnit]) { own(first + j * kThreads, p); });
      });
}

}  // namespace w4a16::sm80
