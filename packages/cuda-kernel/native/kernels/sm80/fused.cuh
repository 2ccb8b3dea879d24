// The fused W4A16 product for every architecture from sm_80 up: `mma.sync` m16n8k16,
// `cp.async`, `ldmatrix`.
//
//   out[token, feature] = Σ x[token, ·] · A[feature, ·] + bias[feature]
//
// The weights are the matrix instruction's A operand (16 features), the activations its
// B operand (8 tokens), so that few tokens waste little, and one dequantized fragment
// serves all the tokens of a warp. A CTA's groups of warps share out the reduction by
// chunks of 64, each with its own copies in flight and no barrier in common until the end:
// for few tokens that is what keeps enough bytes in flight on every SM without a split
// across CTAs.
#pragma once
#include "broad.cuh"
#include "finish.cuh"
#include "fragments.cuh"

namespace w4a16::sm80 {

// The main loop of the other tiles: each group of warps goes through its own pipeline, and each
// warp dequantizes what it multiplies.
template <typename T, int TileIndex, Grouping G, bool Transposed>
__device__ __forceinline__ void reduceInGroups(WarpTile<T, TileIndex, G, Transposed>& warpTile,
                                               Stage<TileIndex, G, Transposed>& stage,
                                               const FusedArguments& args, uint32_t shared,
                                               int firstFeature, int begin, int end, int group) {
  using StageType = Stage<TileIndex, G, Transposed>;
  constexpr TileShape kTile = kTiles[TileIndex];
  constexpr int kStages = stageCount(kTile, G, Transposed, kCompiledArch);
  constexpr uint32_t kStageBytes = StageType::kBytes.total;
  const uint32_t base = shared + group * (kStages * kStageBytes);
  const uint32_t wrap = base + kStages * kStageBytes;
  const int chunks = end - begin > group ? ceilDiv(end - begin - group, kTile.groups) : 0;
#pragma unroll 1
  for (int i = 0; i < kStages - 1; i++) {
    if (i < chunks) stage.loadNext(base + i * kStageBytes);
    ptx::copyAsyncCommit();
  }
  uint32_t source = base;
#pragma unroll 1
  for (int i = 0; i < chunks; i++) {
    ptx::copyAsyncWait<kStages - 2>();
    // Everyone's copies have landed, and everyone is done with the stage before this one, to be
    // refilled.
    ptx::groupBarrier<kTile.groups, StageType::kThreads>(group);
    if (i + kStages - 1 < chunks) stage.loadNext((source == base ? wrap : source) - kStageBytes);
    ptx::copyAsyncCommit();
    warpTile.accumulate(source, source + StageType::kBytes.x, args, firstFeature,
                        begin + group + i * kTile.groups);
    source = source + kStageBytes == wrap ? base : source + kStageBytes;
  }
  // The same number of barriers for every group: compute-sanitizer's racecheck counts them.
  for (int i = chunks; i < ceilDiv(end - begin, kTile.groups); i++)
    ptx::groupBarrier<kTile.groups, StageType::kThreads>(group);
  ptx::copyAsyncWait<0>();
}

template <typename T, int TileIndex, Grouping G, bool Transposed>
__global__ void __launch_bounds__(kTiles[TileIndex].threads(), kTiles[TileIndex].ctasPerSm)
    fusedKernel(const __grid_constant__ FusedArguments args) {
  constexpr TileShape kTile = kTiles[TileIndex];
  if constexpr (runsOn(kTile, G, Transposed, kCompiledArch)) {
    using StageType = Stage<TileIndex, G, Transposed>;
    constexpr bool kAtOnce = collectAtOnce(kTile, G, Transposed, kCompiledArch);
    extern __shared__ __align__(128) uint8_t shared[];
    const Work<TileIndex> work(args);
    const WarpPlace<TileIndex> place;

    // This group takes chunks begin + group, begin + group + groups, …
    StageType stage(args, place.thread, work.firstFeature, work.firstToken,
                    work.begin + place.group);
    using Warp = std::conditional_t<kTile.broad, BroadTile<T, TileIndex, G, Transposed>,
                                    WarpTile<T, TileIndex, G, Transposed>>;
    Warp warpTile(place.row0, place.token0, place.warp, place.lane);
    if constexpr (kTile.broad)
      BroadPipeline<T, TileIndex, G, Transposed>::reduce(
          warpTile, stage, ptx::sharedAddress(shared), work.end - work.begin);
    else
      reduceInGroups(warpTile, stage, args, ptx::sharedAddress(shared), work.firstFeature,
                     work.begin, work.end, place.group);

    float* const collected = reinterpret_cast<float*>(shared);
    Collector<TileIndex>::template collect<kAtOnce>(collected, warpTile.sum, place.group,
                                                    place.row0, place.token0, place.lane);
    finish<T, TileIndex, kAtOnce>(args, work, collected);
  }
}

}  // namespace w4a16::sm80
