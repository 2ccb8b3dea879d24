// The fused product on sm_90, for tiles of many tokens: ../fused.cuh with copies in bulk, and,
// where two CTAs share a broad tile's reduction, with their sums exchanged inside a cluster.
#pragma once
#include "loops.cuh"
#include "pair.cuh"

namespace w4a16::sm80 {

template <typename T, int TileIndex, Grouping G, bool Transposed>
__global__ void __launch_bounds__(kTiles[TileIndex].threads(), kTiles[TileIndex].ctasPerSm)
    bulkKernel(const __grid_constant__ CUtensorMap x, const __grid_constant__ FusedArguments args) {
  constexpr TileShape kTile = kTiles[TileIndex];
  constexpr bool kAtOnce =
      kTile.groups * collectBytes(kTile) <= bulkDataBytes(kTile, G, Transposed);
  using Ring = BulkRing<TileIndex, G, Transposed>;
  extern __shared__ __align__(kBulkAlignment) uint8_t bulkShared[];
  const Work<TileIndex> work(args);
  const WarpPlace<TileIndex> place;
  const Ring ring{ptx::uniform(ptx::held(ptx::sharedAddress(bulkShared)))};
  const BulkLoader<TileIndex, G, Transposed> loader(x, args, work.firstFeature, work.firstToken);
  if (ptx::uniform(static_cast<int>(threadIdx.x) / 32) == 0) {
    if (ptx::elected()) {
      ptx::prefetchMap(&x);
      ring.init();
      if constexpr (kTile.broad)
        if (args.paired) ptx::barrierExpect(ring.received(), Pair<T, TileIndex>::kBytes);
      // Each group's first stage; the rest after the barrier, by the groups themselves.
#pragma unroll 1
      for (int g = 0; g < kTile.groups; g++)
        if (work.begin + g < work.end) loader.load(ring, g * Ring::kStages, work.begin + g);
    }
    __syncwarp();
  }
  __syncthreads();

  const int warp = ptx::uniform(place.warp);
  using Warp = std::conditional_t<kTile.broad, BroadTile<T, TileIndex, G, Transposed>,
                                  WarpTile<T, TileIndex, G, Transposed, true>>;
  Warp warpTile(place.row0, place.token0, place.warp, place.lane);
  if constexpr (kTile.broad) {
    BroadBulkPipeline<T, TileIndex, G, Transposed> pipeline{ring, loader, work.begin,
                                                            work.end - work.begin, warp};
    pipeline.reduce(warpTile);
  } else {
    reduceGroupInBulk(warpTile, ring, loader, args, work.firstFeature, work.begin, work.end,
                      ptx::uniform(place.group), warp);
  }
  float* const collected = reinterpret_cast<float*>(bulkShared);
  if constexpr (kTile.broad) {
    if (args.paired)
      return Pair<T, TileIndex>::finish(args, work, collected, warpTile.sum, place,
                                        ring.received());
  }
  Collector<TileIndex>::template collect<kAtOnce>(collected, warpTile.sum, place.group, place.row0,
                                                  place.token0, place.lane);
  finish<T, TileIndex, kAtOnce>(args, work, collected);
}

}  // namespace w4a16::sm80
