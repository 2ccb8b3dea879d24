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
#include <type_traits>

#include "broad.cuh"
#include "finish.cuh"
#include "fragments.cuh"

namespace w4a16::sm80 {

// Output tiles are visited in bands of kBand token tiles, features outermost within a band: CTAs
// that run together then share activations as well as weights in L2.
constexpr int kBand = 8;
W4A16_DEVICE void tileOf(const FusedArguments& args, int index, int& across, int& down) {
  const int band = index / (kBand * args.tilesAcross), inBand = index % (kBand * args.tilesAcross);
  const int height = min(kBand, args.tilesDown - band * kBand);
  across = inBand / height;
  down = band * kBand + inBand % height;
}

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
    warpTile.accumulate(source, args, firstFeature, begin + group + i * kTile.groups);
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
    constexpr int kGroupThreads = StageType::kThreads;
    constexpr int kWarpRows = kTile.warpFeatures / 16;
    constexpr bool kAtOnce = collectAtOnce(kTile, G, Transposed, kCompiledArch);
    extern __shared__ __align__(128) uint8_t shared[];

    const int split = blockIdx.x % args.splits, tile = blockIdx.x / args.splits;
    int across, down;
    tileOf(args, tile, across, down);
    const int firstFeature = across * kTile.features, firstToken = down * kTile.tokens;
    const int begin = static_cast<int>(static_cast<int64_t>(args.chunks) * split / args.splits);
    const int end = static_cast<int>(static_cast<int64_t>(args.chunks) * (split + 1) / args.splits);

    const int group = threadIdx.x / kGroupThreads, thread = threadIdx.x % kGroupThreads,
              lane = threadIdx.x % 32;
    const int warp = thread / 32;
    const int row0 = warp % (kTile.features / kTile.warpFeatures) * kWarpRows;
    const int token0 = warp / (kTile.features / kTile.warpFeatures) * kTile.warpTokens;

    // This group takes chunks begin + group, begin + group + groups, …
    StageType stage(args, thread, firstFeature, firstToken, begin + group);
    using Warp = std::conditional_t<kTile.broad, BroadTile<T, TileIndex, G, Transposed>,
                                    WarpTile<T, TileIndex, G, Transposed>>;
    Warp warpTile(row0, token0, warp, lane);
    if constexpr (kTile.broad)
      warpTile.reduce(stage, ptx::sharedAddress(shared), end - begin);
    else
      reduceInGroups(warpTile, stage, args, ptx::sharedAddress(shared), firstFeature, begin, end,
                     group);

    using CollectorType = Collector<TileIndex>;
    float* const collected = reinterpret_cast<float*>(shared);
    CollectorType::template collect<kAtOnce>(collected, warpTile.sum, group, row0, token0, lane);

    float* const partials =
        args.workspace + static_cast<int64_t>(tile) * args.splits * (kTile.tokens * kTile.features);
    if (args.splits > 1) {
      float4* const mine = reinterpret_cast<float4*>(
          partials + static_cast<int64_t>(split) * (kTile.tokens * kTile.features));
      for (int unit = threadIdx.x; unit < CollectorType::kUnits; unit += kTile.threads()) {
        float v[8];
        CollectorType::template get<kAtOnce>(collected, unit, v);
        // The halves of all units apart: a warp's stores, and loads, are then contiguous.
        __stcg(mine + unit, make_float4(v[0], v[1], v[2], v[3]));
        __stcg(mine + CollectorType::kUnits + unit, make_float4(v[4], v[5], v[6], v[7]));
      }
      if (!arriveLast(args.counters + tile, args.splits)) return;
    }
    // Several units at a time: their partial sums come from L2 together.
    constexpr int kThreads = kTile.threads(),
                  kAtATime = unitsAtATime(CollectorType::kUnits, kThreads);
    for (int first = threadIdx.x; first < CollectorType::kUnits; first += kAtATime * kThreads) {
      float v[kAtATime][8];
      if (args.splits > 1) {
        // This CTA's own part is still in shared memory.
        addPartials<kAtATime, kThreads, CollectorType::kUnits>(
            v, reinterpret_cast<const float4*>(partials) + first, args.splits, split,
            [&](int j, float (&own)[8]) {
              CollectorType::template get<kAtOnce>(collected, first + j * kThreads, own);
            });
      } else {
#pragma unroll
        for (int j = 0; j < kAtATime; j++)
          CollectorType::template get<kAtOnce>(collected, first + j * kThreads, v[j]);
      }
#pragma unroll
      for (int j = 0; j < kAtATime; j++) {
        const int unit = first + j * kThreads;
        const int token = firstToken + unit / (kTile.features / 8),
                  feature = firstFeature + unit % (kTile.features / 8) * 8;
        if (token < args.tokens && feature < args.features) storeOutput(args, token, feature, v[j]);
      }
    }
  }
}

}  // namespace w4a16::sm80
