// The ring of stages in shared memory: its barriers, and the warp that fills it.
#pragma once
#include "arguments.hpp"
#include "ptx.cuh"
#include "shapes.hpp"

namespace w4a16::sm90a {

// Addresses in a CTA's shared memory, and the barriers of the ring. A slot's `full` barrier counts
// the bytes that land; its `empty` barrier the warps that are done with it.
template <int ShapeIndex, int Units>
struct Ring {
  static constexpr Shape kShape = kShapes[ShapeIndex];
  static constexpr SharedLayout kLayout{kShape, Units};
  static constexpr int kReaders = kShape.rows * 4;  // warps that read a slot: one group
  static_assert(kLayout.stages >= 2 * kShape.groups || kLayout.stages >= 4, "too few stages to overlap anything");

  uint32_t base;

  __device__ __forceinline__ uint32_t x(int slot) const { return base + slot * kLayout.x; }
  __device__ __forceinline__ uint32_t weights(int slot) const { return base + kLayout.weightsAt + slot * kLayout.weights; }
  __device__ __forceinline__ uint32_t params(int slot) const { return base + kLayout.paramsAt + slot * kLayout.params; }
  __device__ __forceinline__ uint32_t extra() const { return base + kLayout.extraAt; }
  __device__ __forceinline__ uint32_t full(int slot) const { return base + kLayout.barriersAt + slot * 8; }
  __device__ __forceinline__ uint32_t empty(int slot) const { return full(kLayout.stages + slot); }
  __device__ __forceinline__ uint32_t received() const { return full(2 * kLayout.stages); }  // Pair: partial sums have arrived

  __device__ __forceinline__ void initBarriers() const {
    for (int i = 0; i < kLayout.stages; i++) {
      ptx::barrierInit(full(i), 1);
      ptx::barrierInit(empty(i), kReaders);
    }
  }
  // By one warp of a reading group.
  __device__ __forceinline__ void release(int slot, int lane) const {
    if (lane == 0) ptx::barrierArrive(empty(slot));
  }
};

// The loading warp. A stage is one copy a super-tile (2 KB), one a run of parameters (64 n of one
// group, 320 bytes) and one tensor copy (or one a chunk) of activations; every lane issues one of them.
//
// Past the end of the reduction and of the features the last super-tile is loaded again: what it gives
// is multiplied by the zeros the tensor map delivers there, or not stored. So every stage has
// the same number of bytes.
template <int ShapeIndex, int Units, bool Transposed>
class Loader {
  using R = Ring<ShapeIndex, Units>;
  static constexpr Shape kShape = R::kShape;
  static constexpr int kWeightCopies = kShape.rows * kShape.chunks;
  static constexpr int kParamCopies = kWeightCopies * Units;
  static_assert(kWeightCopies + kParamCopies + kShape.chunks <= 32, "one lane a copy");

 public:
  __device__ __forceinline__ Loader(const R& ring, const Arguments& args, const CUtensorMap* x, int lane) : ring_(ring), args_(args), x_(x), lane_(lane) {
    const int copy = lane < kWeightCopies ? lane : (lane - kWeightCopies) / Units;
    unit_ = lane < kWeightCopies ? 0 : (lane - kWeightCopies) % Units;
    row_ = copy / kShape.chunks;
    chunk_ = copy % kShape.chunks;
    xChunk_ = lane - kWeightCopies - kParamCopies;
  }

  // Fills `slot` with stage `stage` of the reduction; the slot is free.
  __device__ __forceinline__ void load(int slot, int stage, int across, int firstToken) const {
    const uint32_t full = ring_.full(slot);
    if (lane_ == 0) ptx::barrierExpect(full, R::kLayout.x + R::kLayout.weights + R::kLayout.params);
    __syncwarp();
    const int first = stage * kShape.chunks;
    if (xChunk_ >= 0) {
      if (args_.xBoxed) {
        if (xChunk_ == 0) ptx::tensorLoad(ring_.x(slot), x_, full, 0, firstToken, first);
      } else if (xChunk_ < kShape.chunks) {
        ptx::tensorLoad(ring_.x(slot) + xChunk_ * (kShape.tokens * 128), x_, full, (first + xChunk_) * 64, firstToken, 0);
      }
    } else {
      const int feature = min(across * kShape.rows + row_, args_.featureTiles - 1), along = min(first + chunk_, args_.chunks - 1);
      const int tileN = Transposed ? along : feature, tileK = Transposed ? feature : along;
      if (lane_ < kWeightCopies) {
        const uint8_t* source = args_.packed + (static_cast<int64_t>(tileK) * args_.tilesN + tileN) * layout::kTileBytes;
        ptx::bulkLoad(ring_.weights(slot) + lane_ * layout::kTileBytes, source, layout::kTileBytes, full);
      } else {
        const int group = min(static_cast<int>(args_.group.divide(tileK * Units + unit_)), args_.paramRows - 1);
        const uint8_t* source = args_.params + group * args_.paramRowBytes + static_cast<int64_t>(tileN) * kRunBytes;
        ptx::bulkLoad(ring_.params(slot) + (lane_ - kWeightCopies) * kRunBytes, source, kRunBytes, full);
      }
    }
  }

 private:
  const R& ring_;
  const Arguments& args_;
  const CUtensorMap* x_;
  int lane_, row_, chunk_, unit_, xChunk_;
};

}  // namespace w4a16::sm90a
