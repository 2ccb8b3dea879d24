// The main loops on sm_90: one thread of a group has the copy engine fill whole stages, and
// mbarriers say when they have landed and when they may be filled again.
//
// Next to `mma.sync` every instruction takes tensor time (NOTES.md): a thread's own copies, with
// their addresses, were a third of those of a stage.
#pragma once
#include "../common/ptx_sm90.cuh"
#include "broad.cuh"
#include "fragments.cuh"

namespace w4a16::sm80 {

template <int TileIndex, Grouping G, bool Transposed>
struct BulkRing {
  static constexpr TileShape kTile = kTiles[TileIndex];
  static constexpr StageBytes kBytes{kTile, G, Transposed};
  static constexpr int kStages = bulkStageCount(kTile, G, Transposed, kCompiledArch);
  static constexpr uint32_t kWeightBytes = bulkWeightBytes(kTile, G, Transposed);
  static constexpr uint32_t kFragments =
      kTile.groups * kStages * bulkStageBytes(kTile, G, Transposed);
  static constexpr uint32_t kBarriers =
      bulkSharedBytes(kTile, G, Transposed, kCompiledArch) - kBulkBarrierBytes;
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
    constexpr int kTileRun = Transposed ? kSlabs : 64 / 16;  // entries of a run and a super-tile
    constexpr int kTileRuns = G == Grouping::Fine ? kSlabs : 1;
    ptx::barrierExpect(full, Ring::kBytes.x + tiles * (layout::kTileBytes + kTileRuns * kTileRun *
                                                                                layout::kEntryBytes));
    ptx::tensorLoad2(ring.x(slot), map, full, chunk * kChunk, firstToken);
    const uint32_t params = weights + Ring::kBytes.weights;
    if constexpr (Transposed) {
#pragma unroll
      for (int i = 0; i < kTile.features / 64; i++) {
        if (i >= tiles) break;
        ptx::bulkLoad(weights + i * layout::kTileBytes, packed(chunk, firstTile + i),
                      layout::kTileBytes, full);
#pragma unroll
        for (int j = 0; j < kTileRuns; j++)
          ptx::bulkLoad(params + (i * kTileRuns + j) * (kTileRun * layout::kEntryBytes),
                        entry((firstTile + i) * kTileRuns + j, chunk * kSlabs),
                        kTileRun * layout::kEntryBytes, full);
      }
    } else {
      ptx::bulkLoad(weights, packed(firstTile, chunk), tiles * layout::kTileBytes, full);
#pragma unroll
      for (int j = 0; j < kTileRuns; j++)
        ptx::bulkLoad(params + j * (kTile.features / 16 * layout::kEntryBytes),
                      entry(chunk * kTileRuns + j, firstTile * 4),
                      tiles * (kTileRun * layout::kEntryBytes), full);
    }
  }

 private:
  const CUtensorMap* map;
  const FusedArguments& args;
  int firstTile, tiles, firstToken;

  __device__ __forceinline__ const uint8_t* packed(int tileN, int tileK) const {
    return args.packed +
           (static_cast<int64_t>(tileK) * args.tilesN + tileN) * layout::kTileBytes;
  }
  // The entry of a unit of k, 64 (Coarse) or 16 (Fine). Padding falls to the last row.
  __device__ __forceinline__ const uint8_t* entry(int unit, int index) const {
    const uint32_t row = min(args.group.divide(unit), static_cast<uint32_t>(args.paramRows - 1));
    return args.params + static_cast<uint64_t>(row) * args.paramRowBytes +
           index * layout::kEntryBytes;
  }
};

// A broad tile's loop.
template <typename T, int TileIndex, Grouping G, bool Transposed>
struct BroadBulkPipeline {
  using Ring = BulkRing<TileIndex, G, Transposed>;
  using Loader = BulkLoader<TileIndex, G, Transposed>;
  static constexpr int kStages = Ring::kStages;
#ifndef PIECES
#define PIECES 2
#endif
  static constexpr int kPieces = PIECES;

  const Ring& ring;
  const Loader& loader;
  int begin, chunks, warp;
  int i = 0, slot = 0;  // the stage at hand
  uint32_t phase = 0;   // of the slot two further

  __device__ __forceinline__ void turn() const { __syncthreads(); }
  // The operands of the next slab are on their way: time to see to the stages. The warps take
  // turns in filling them again.
  __device__ __forceinline__ void copy(int piece) {
    if (piece != 0) return;
    if (i + kStages < chunks && warp == i % kTiles[TileIndex].groupWarps()) {
      if (ptx::elected()) loader.load(ring, slot, begin + i + kStages);
      __syncwarp();
    }
    const int ahead = slot + 2 >= kStages ? slot + 2 - kStages : slot + 2;
    if (i + 2 < chunks) ptx::barrierWait(ring.full(ahead), phase);
    if (ahead == kStages - 1) phase ^= 1;
  }

  __device__ __forceinline__ void reduce(BroadTile<T, TileIndex, G, Transposed>& warpTile) {
    static_assert(kStages >= 3, "the next stage is dequantized ahead");
    if (chunks == 0) return;
    if (warp == 0 && ptx::elected())
#pragma unroll 1
      for (int s = 1; s < kStages && s < chunks; s++) loader.load(ring, s, begin + s);
    __syncwarp();
    uint32_t buffer = ring.base + Ring::kFragments,
             other = buffer + broadFragmentBytes(kTiles[TileIndex]) / 2;
    ptx::barrierWait(ring.full(0), 0);
    warpTile.dequantizeAll(ring.weights(0), buffer);
    if (chunks > 1) ptx::barrierWait(ring.full(1), 0);
    __syncthreads();
    warpTile.loadOperands(0, 0, ring.x(0), buffer);
#pragma unroll 1
    for (i = 0; i < chunks; i++) {
      const int next = slot + 1 == kStages ? 0 : slot + 1;
      // Past the last stage, `next` and `other` are stages and fragments of before, which nobody
      // uses.
      warpTile.step(ring.x(slot), ring.x(next), ring.weights(next), buffer, other, *this);
      slot = next;
      const uint32_t swapped = buffer;
      buffer = other, other = swapped;
    }
  }
};

// The other tiles' loop, of one group of warps.
template <typename T, int TileIndex, Grouping G, bool Transposed>
__device__ __forceinline__ void reduceGroupInBulk(
    WarpTile<T, TileIndex, G, Transposed, true>& warpTile, const BulkRing<TileIndex, G, Transposed>& ring,
    const BulkLoader<TileIndex, G, Transposed>& loader, const FusedArguments& args,
    int firstFeature, int begin, int end, int group, int warp) {
  using Ring = BulkRing<TileIndex, G, Transposed>;
  constexpr TileShape kTile = kTiles[TileIndex];
  constexpr int kStages = Ring::kStages;
  const int chunks = end - begin > group ? ceilDiv(end - begin - group, kTile.groups) : 0;
  const int first = begin + group, firstSlot = group * kStages;
  if (warp == 0 && ptx::elected())
#pragma unroll 1
    for (int i = 1; i < kStages && i < chunks; i++)
      loader.load(ring, firstSlot + i, first + i * kTile.groups);
  __syncwarp();
  int slot = firstSlot;
  uint32_t phase = 0, refillPhase = 0;
#pragma unroll 1
  for (int i = 0; i < chunks; i++) {
    ptx::barrierWait(ring.full(slot), phase);
    // The stage before this one is filled again, once every warp is done with it; the warps take
    // turns.
    const int before = (slot == firstSlot ? firstSlot + kStages : slot) - 1;
    if (i > 0 && i - 1 + kStages < chunks && warp == i % kTile.groupWarps()) {
      ptx::barrierWait(ring.empty(before), refillPhase);
      if (ptx::elected()) loader.load(ring, before, first + (i - 1 + kStages) * kTile.groups);
      __syncwarp();
    }
    if (i > 0 && before == firstSlot + kStages - 1) refillPhase ^= 1;
    warpTile.accumulate(ring.x(slot), ring.weights(slot), args, firstFeature,
                        first + i * kTile.groups);
    __syncwarp();
    if (ptx::elected()) ptx::barrierArrive(ring.empty(slot));
    if (++slot == firstSlot + kStages) slot = firstSlot, phase ^= 1;
  }
}

}  // namespace w4a16::sm80
