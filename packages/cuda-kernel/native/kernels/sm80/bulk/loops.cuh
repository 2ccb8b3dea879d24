// The main loops of the kernels whose stages the copy engine fills.
#pragma once
#include "../broad.cuh"
#include "../fragments.cuh"
#include "ring.cuh"

namespace w4a16::sm80 {

// A broad tile's loop. Everyone waits for a stage himself; the barrier of a step is for the
// fragments that the others make, and says that the stage may be filled again.
template <typename T, int TileIndex, Grouping G, bool Transposed>
struct BroadBulkPipeline {
  using Ring = BulkRing<TileIndex, G, Transposed>;
  using Loader = BulkLoader<TileIndex, G, Transposed>;
  static constexpr int kStages = Ring::kStages;
  static constexpr int kPieces = 1;

  const Ring& ring;
  const Loader& loader;
  int begin, chunks, warp;
  int i = 0, slot = 0;  // the stage at hand
  uint32_t phase = 0;   // of the slot two further

  __device__ __forceinline__ void turn() const { __syncthreads(); }
  // At the end of the step, since right behind the barrier the tensor cores would wait for it: up
  // to 6% on an H100. The warps take turns in filling stages.
  __device__ __forceinline__ void copy(int) {
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
    WarpTile<T, TileIndex, G, Transposed, true>& warpTile,
    const BulkRing<TileIndex, G, Transposed>& ring,
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
