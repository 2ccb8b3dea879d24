// The ring of stages in shared memory: its barriers, and the warps that fill it.
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
  static_assert(kLayout.stages >= 2 * kShape.groups, "a slot is released while the next one is multiplied");

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

// A reader's or writer's place in a ring that is used over and over.
template <int Stages>
struct RingPosition {
  int slot = 0;
  uint32_t phase = 0;  // parity of the round

  __device__ __forceinline__ void advance() {
    if (++slot == Stages) slot = 0, phase ^= 1;
  }
};

// Filling the ring: three or four warps of the loading warpgroup, one thread of each, issue the copies of a stage:
// one the activations, one the weights, the rest the parameters. (One thread for all of them, or one lane a copy, which
// the compiler turns into a loop over lanes, cannot keep up with the tensor cores.)
//
// Features past the edge are not loaded: their sums are not stored. A stage past the end of the reduction
// gets zeros for activations, and the last 64 again for the rest: what is there must be finite.
template <int ShapeIndex, int Units, bool Transposed>
class Loader {
  using R = Ring<ShapeIndex, Units>;
  static constexpr Shape kShape = R::kShape;

 public:
  // Transposed, each 64 features have parameters of their own: two copies a stage from one thread would be too slow.
  static constexpr int kWarps = Transposed && kShape.rows == 2 ? 4 : 3;

  // `role`: the warp's index in the loading warpgroup.
  __device__ __forceinline__ Loader(const R& ring, const Arguments& args, const CUtensorMap* x, int role) : ring_(ring), args_(args), x_(x), role_(role) {}

  __device__ __forceinline__ void aim(int across, int firstToken) {
    firstToken_ = firstToken;
    feature_ = across * kShape.rows;
    present_ = min(kShape.rows, args_.featureTiles - feature_);
    if constexpr (Transposed) {  // these change with the tile only
#pragma unroll
      for (int r = 0; r < kShape.rows; r++) weightsFrom_[r] = args_.packed + (feature_ + r) * (args_.tilesN * static_cast<int64_t>(layout::kTileBytes));
#pragma unroll
      for (int u = 0; u < Units; u++) paramsFrom_[u] = paramRow((feature_ + role_ - 2) * Units + u);
    }
  }

  // Fills `slot`, which is free, with stage `stage` of the reduction.
  __device__ __forceinline__ void load(int slot, int stage) const {
    const uint32_t full = ring_.full(slot);
    const int first = stage * kShape.chunks;
    if (role_ == 0) {
      ptx::barrierExpect(full, kShape.spans() * kShape.chunks * args_.xRows * 128 + present_ * (kShape.chunks * (layout::kTileBytes + Units * kRunBytes)));
      loadActivations(full, ring_.x(slot), first);
    } else if (role_ == 1) {
      loadWeights(full, ring_.weights(slot), first);
    } else {
      loadParams(full, ring_.params(slot), first);
    }
  }

 private:
  __device__ __forceinline__ void loadActivations(uint32_t full, uint32_t to, int first) const {
    const bool atOnce = args_.xBoxed || kShape.chunks == 1;
#pragma unroll
    for (int i = 0; i < kShape.spans(); i++) {
      const int token = firstToken_ + i * kShape.spanTokens();
      const uint32_t at = to + i * (kShape.spanTokens() * 128);
      if (atOnce) {
        ptx::tensorLoad(at, x_, full, args_.xBoxed ? 0 : first * 64, token, args_.xBoxed ? first : 0);
      } else {
#pragma unroll
        for (int c = 0; c < kShape.chunks; c++) ptx::tensorLoad(at + c * (args_.xRows * 128), x_, full, (first + c) * 64, token, 0);
      }
    }
  }
  // Forward: super-tiles that are neighbours along the features lie side by side. Transposed: along the reduction.
  __device__ __forceinline__ void loadWeights(uint32_t full, uint32_t to, int first) const {
    if constexpr (Transposed) {
#pragma unroll
      for (int r = 0; r < kShape.rows; r++)
        if (r < present_) loadAlong(full, to + r * (kShape.chunks * layout::kTileBytes), weightsFrom_[r], layout::kTileBytes, first);
    } else {
      const uint8_t* from = args_.packed + feature_ * static_cast<int64_t>(layout::kTileBytes);
#pragma unroll
      for (int c = 0; c < kShape.chunks; c++)
        ptx::bulkLoad(to + c * (kShape.rows * layout::kTileBytes), from + along(first + c) * (args_.tilesN * static_cast<int64_t>(layout::kTileBytes)),
                      present_ * layout::kTileBytes, full);
    }
  }
  __device__ __forceinline__ void loadParams(uint32_t full, uint32_t to, int first) const {
    if constexpr (Transposed) {
      const int row = role_ - 2;
      if (row >= present_) return;
#pragma unroll
      for (int u = 0; u < Units; u++) loadAlong(full, to + (row * Units + u) * (kShape.chunks * kRunBytes), paramsFrom_[u], kRunBytes, first);
    } else {
#pragma unroll
      for (int i = 0; i < kShape.chunks * Units; i++)
        ptx::bulkLoad(to + i * (kShape.rows * kRunBytes), paramRow(along(first + i / Units) * Units + i % Units) + feature_ * kRunBytes, present_ * kRunBytes, full);
    }
  }
  // The table's row of a unit (64 / Units of K).
  __device__ __forceinline__ const uint8_t* paramRow(int unit) const {
    return args_.params + min(static_cast<int>(args_.group.divide(unit)), args_.paramRows - 1) * args_.paramRowBytes;
  }
  // A stage of what lies side by side along the reduction, `bytes` to 64.
  __device__ __forceinline__ void loadAlong(uint32_t full, uint32_t to, const uint8_t* from, int bytes, int first) const {
    if (first + kShape.chunks <= args_.chunks) {
      ptx::bulkLoad(to, from + static_cast<int64_t>(first) * bytes, kShape.chunks * bytes, full);
    } else {
      for (int c = 0; c < kShape.chunks; c++) ptx::bulkLoad(to + c * bytes, from + static_cast<int64_t>(along(first + c)) * bytes, bytes, full);
    }
  }
  __device__ __forceinline__ int along(int chunk) const { return kShape.chunks == 1 ? chunk : min(chunk, args_.chunks - 1); }

  const R& ring_;
  const Arguments& args_;
  const CUtensorMap* x_;
  const int role_;
  int firstToken_ = 0, feature_ = 0, present_ = 0;
  const uint8_t* weightsFrom_[kShape.rows];  // transposed: of the reduction's start
  const uint8_t* paramsFrom_[Units];
};

}  // namespace w4a16::sm90a
