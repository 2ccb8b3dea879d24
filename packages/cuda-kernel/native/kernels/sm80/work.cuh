// Which output tile and which part of the reduction a CTA has, and which part of the tile a warp
// has.
#pragma once
#include "../common/ptx.cuh"
#include "arguments.hpp"
#include "tiles.hpp"

namespace w4a16::sm80 {

// The output tile of an index: see kBand.
W4A16_DEVICE void tileOf(const FusedArguments& args, int index, int& across, int& down) {
  const int band = args.bandTiles.divide(index), inBand = index - band * kBand * args.tilesAcross;
  const bool last = (band + 1) * kBand > args.tilesDown;
  across = last ? args.lastBand.divide(inBand) : inBand / kBand;
  down = band * kBand + inBand - across * (last ? args.tilesDown - band * kBand : kBand);
}

// A CTA's share of a product, and its place in it.
template <int TileIndex>
struct Work {
  static constexpr TileShape kTile = kTiles[TileIndex];
  int tile, split, firstFeature, firstToken, begin, end;

  __device__ __forceinline__ explicit Work(const FusedArguments& args)
      : tile(args.bySplits.divide(blockIdx.x)), split(blockIdx.x - tile * args.splits) {
    int across, down;
    tileOf(args, tile, across, down);
    firstFeature = across * kTile.features, firstToken = down * kTile.tokens;
    begin = args.bySplits.divide(args.chunks * split);
    end = args.bySplits.divide(args.chunks * (split + 1));
  }
};

// A warp's part of the CTA's tile.
template <int TileIndex>
struct WarpPlace {
  static constexpr TileShape kTile = kTiles[TileIndex];
  int group, thread, warp, lane, row0, token0;  // thread and warp: in the group

  __device__ __forceinline__ WarpPlace() {
    constexpr int kGroupThreads = kTile.groupWarps() * 32;
    group = threadIdx.x / kGroupThreads, thread = threadIdx.x % kGroupThreads;
    warp = thread / 32, lane = threadIdx.x % 32;
    row0 = warp % (kTile.features / kTile.warpFeatures) * (kTile.warpFeatures / 16);
    token0 = warp / (kTile.features / kTile.warpFeatures) * kTile.warpTokens;
  }
};

}  // namespace w4a16::sm80
