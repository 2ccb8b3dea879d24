// Two CTAs of a cluster that share a broad tile's reduction: sums meet in the cluster's shared
// memory. Each finishes half of the tokens; a warp whose tokens the other finishes sends all it has
// to the warp of the same place there.
#pragma once
#include "../../common/ptx_sm90.cuh"
#include "../finish.cuh"

namespace w4a16::sm80 {

template <typename T, int TileIndex>
struct Pair {
  static constexpr TileShape kTile = kTiles[TileIndex];
  using CollectorType = Collector<TileIndex>;
  static constexpr int kRows = CollectorType::kRows, kCols = CollectorType::kCols;
  static constexpr int kTokens = kTile.tokens / 2, kWarps = kTile.groupWarps() / 2;
  static constexpr int kWarpBytes = kRows * kCols * 32 * 16;
  static constexpr uint32_t kBytes = kWarps * kWarpBytes;  // that arrive
  // Behind the half tile that is collected for the output.
  static constexpr uint32_t kArriving = kTokens * CollectorType::kPitch * 4;
  static_assert(kTile.groups == 1 && kTokens % kTile.warpTokens == 0, "a warp has one owner");
  static_assert(kArriving % 128 == 0, "aligned");

  // Every thread of both CTAs calls it; `received` expects kBytes.
  __device__ __forceinline__ static void finish(const FusedArguments& args, Work<TileIndex> work,
                                                float* shared, float (&sum)[kRows][kCols][4],
                                                const WarpPlace<TileIndex>& place,
                                                uint32_t received) {
    const uint32_t at =
        ptx::sharedAddress(shared) + kArriving + place.warp % kWarps * kWarpBytes + place.lane * 16;
    // Neither multiplies any more: the pipelines' memory is free, here and there.
    ptx::clusterArrive();
    ptx::clusterWait();
    if (place.token0 / kTokens != work.split) {
      const uint32_t to = ptx::mapShared(at, work.split ^ 1);
      const uint32_t barrier = ptx::mapShared(received, work.split ^ 1);
#pragma unroll
      for (int i = 0; i < kRows * kCols; i++) {
        const float (&v)[4] = sum[i / kCols][i % kCols];
        ptx::storeAsync(to + i * 512, barrier, v[0], v[1], v[2], v[3]);
      }
    } else {
      ptx::barrierWait(received, 0);
#pragma unroll
      for (int i = 0; i < kRows * kCols; i++) {
        const float4 v = ptx::loadSharedFloat4(at + i * 512);
        // Two terms: their order does not show in the sum.
        float (&own)[4] = sum[i / kCols][i % kCols];
        own[0] += v.x, own[1] += v.y, own[2] += v.z, own[3] += v.w;
      }
      CollectorType::template put<false>(shared, sum, place.row0, place.token0 % kTokens,
                                         place.lane);
    }
    __syncthreads();
    work.firstToken += work.split * kTokens;
    constexpr int kUnits = CollectorType::kUnits / 2, kThreads = kTile.threads();
    storeTile<T, TileIndex, kUnits, unitsAtATime(kUnits, kThreads, 2)>(
        args, work, [&](int first, auto& v) {
#pragma unroll
          for (int j = 0; j < static_cast<int>(sizeof(v) / sizeof(v[0])); j++)
            CollectorType::template get<true>(shared, first + j * kThreads, v[j]);
        });
  }
};

}  // namespace w4a16::sm80
