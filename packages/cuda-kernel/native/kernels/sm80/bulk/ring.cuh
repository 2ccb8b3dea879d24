// The pipeline on sm_90: one thread of a group has the copy engine fill whole stages, and mbarriers
// say when they have landed and when they may be filled again.
//
// Next to `mma.sync` every instruction takes tensor time (NOTES.md): every thread's own copies,
// with their addresses, were a third of those of a stage.
#pragma once
#include "../../common/ptx_sm90.cuh"
#include "../arguments.hpp"
#include "tiles.hpp"

namespace w4a16::sm80 {

template <int TileIndex, Grouping G, bool Transposed>
struct BulkRing {
  static constexpr TileShape kTile = kTiles[TileIndex];
  static constexpr StageBytes kBytes{kTile, G, Transposed};
  static constexpr int kStages = bulkStageCount(kTile, G, Transposed);
  static constexpr uint32_t kWeightBytes = bulkWeightBytes(kTile, G, Transposed);
  static constexpr uint32_t kFragments =
      kTile.groups * kStages * bulkStageBytes(kTile, G, Transposed);
  static constexpr uint32_t kBarriers = bulkDataBytes(kTile, G, Transposed);
  static_assert((2 * kTile.groups * kStages + 1) * 8 <= kBulkBarrierBytes, "room for barriers");

  uint32_t base;

  // Of a slot, counted over all groups.
  __device__ __forceinline__ uint32_t x(int slot) const { return base + slot * kBytes.x; }
  __device__ __forceinline__ uint32_t weights(int slot) const {
    return base + kTile.groups * kStages * kBytes.x + slot * kWeightBytes;
  }
  __device__ __forceinline__ uint32_t full(int slot) const { return base + kBarriers + slot * 8; }
  __device__ __forceinline__ uint32_t empty(int slot) const {
    return base + kBarriers + (kTile.groups * kStages + slot) * 8;
  }
  // Pairs: the peer's sums have arrived.
  __device__ __forceinline__ uint32_t received() const {
    return base + kBarriers + 2 * kTile.groups * kStages * 8;
  }

  // By one thread, before a barrier of the CTA.
  __device__ __forceinline__ void init() const {
#pragma unroll 1
    for (int slot = 0; slot < kTile.groups * kStages; slot++) {
      ptx::barrierInit(full(slot), 1);
      ptx::barrierInit(empty(slot), kTile.groupWarps());
    }
    ptx::barrierInit(received(), 1);
    ptx::barrierInitFence();
  }
};

// Fills slots. One thread's; tiles of 64 that the operand does not have are left out, since nothing
// comes of what is computed from them. The engine fills in zeros where activations end.
template <int TileIndex, Grouping G, bool Transposed>
class BulkLoader {
 public:
  using Ring = BulkRing<TileIndex, G, Transposed>;
  static constexpr TileShape kTile = Ring::kTile;
  static_assert(kTile.features % 64 == 0, "whole super-tiles");

  __device__ __forceinline__ BulkLoader(const CUtensorMap& map_, const FusedArguments& a,
                                        int firstFeature, int firstToken_)
      : map(&map_),
        args(a),
        firstTile(firstFeature / 64),
        tiles(min(kTile.features / 64, a.featureTiles64 - firstFeature / 64)),
        firstToken(firstToken_) {}

  __device__ __forceinline__ void load(const Ring& ring, int slot, int chunk) const {
    const uint32_t full = ring.full(slot), weights = ring.weights(slot);
    // Of a super-tile: runs of entries that lie side by side in the table, along n.
    constexpr int kRunBytes = layout::kBlocksPerTile * layout::kEntryBytes;
    constexpr int kRuns = G == Grouping::Fine ? layout::kBlocksPerTile : 1;
    ptx::barrierExpect(full, Ring::kBytes.x + tiles * (layout::kTileBytes + kRuns * kRunBytes));
    ptx::tensorLoad2(ring.x(slot), map, full, chunk * kChunk, firstToken);
    const uint32_t params = weights + Ring::kBytes.weights;
    if constexpr (Transposed) {
#pragma unroll
      for (int i = 0; i < kTile.features / 64; i++) {
        if (i >= tiles) break;
        ptx::bulkLoad(weights + i * layout::kTileBytes, packed(chunk, firstTile + i),
                      layout::kTileBytes, full);
#pragma unroll
        for (int j = 0; j < kRuns; j++)
          ptx::bulkLoad(params + (i * kRuns + j) * kRunBytes,
                        entry((firstTile + i) * kRuns + j, chunk), kRunBytes, full);
      }
    } else {
      ptx::bulkLoad(weights, packed(firstTile, chunk), tiles * layout::kTileBytes, full);
#pragma unroll
      for (int j = 0; j < kRuns; j++)
        ptx::bulkLoad(params + j * (kTile.features / 64 * kRunBytes),
                      entry(chunk * kRuns + j, firstTile), tiles * kRunBytes, full);
    }
  }

 private:
  const CUtensorMap* map;
  const FusedArguments& args;
  int firstTile, tiles, firstToken;

  __device__ __forceinline__ const uint8_t* packed(int tileN, int tileK) const {
    return args.packed + (static_cast<int64_t>(tileK) * args.tilesN + tileN) * layout::kTileBytes;
  }
  // The first entry of a super-tile along n, for a unit of k: 64 (Coarse) or 16 (Fine). Padding
  // falls to the last row.
  __device__ __forceinline__ const uint8_t* entry(int unit, int tileN) const {
    const uint32_t row = min(args.group.divide(unit), static_cast<uint32_t>(args.paramRows - 1));
    return args.params + static_cast<uint64_t>(row) * args.paramRowBytes +
           tileN * (layout::kBlocksPerTile * layout::kEntryBytes);
  }
};

}  // namespace w4a16::sm80
