// The ring of stages in shared memory: its barriers, and the warps that fill it.
#pragma once
#include <type_traits>

#include "arguments.hpp"
#include "ptx.cuh"
#include "shapes.hpp"

namespace w4a16::sm90a {

// Addresses in a CTA's shared memory, and the barriers of the ring. A slot's `full` barrier counts
// the bytes that land; its `empty` barrier the warps that are done with it.
template <int ShapeIndex, int Units, Encoding Form>
struct Ring {
  static constexpr Shape kShape = kShapes[ShapeIndex].forUnits(Units);
  static constexpr int kUnits = Units;  // rows of parameters to 64 of K
  static constexpr Encoding kEncoding = Form;
  static constexpr int kRunBytes = runBytes(Form);
  static constexpr SharedLayout kLayout{kShape, Units, Form};
  static constexpr int kReaders = kShape.rows * 4;  // warps that read a slot: one group
  static_assert(kLayout.stages >= 2 * kShape.groups,
                "a slot is released while the next one is multiplied");

  uint32_t base;

  __device__ __forceinline__ uint32_t x(int slot) const { return base + slot * kLayout.x; }
  __device__ __forceinline__ uint32_t weights(int slot) const {
    return base + kLayout.weightsAt + slot * kLayout.weights;
  }
  __device__ __forceinline__ uint32_t params(int slot) const {
    return base + kLayout.paramsAt + slot * kLayout.params;
  }
  __device__ __forceinline__ uint32_t extra() const { return base + kLayout.extraAt; }
  __device__ __forceinline__ uint32_t full(int slot) const {
    return base + kLayout.barriersAt + slot * 8;
  }
  __device__ __forceinline__ uint32_t empty(int slot) const { return full(kLayout.stages + slot); }
  __device__ __forceinline__ uint32_t received(int row) const {
    return full(2 * kLayout.stages + row);
  }  // Pair: partial sums of 64 features have arrived

  // By one elected lane: of many lanes, the compiler writes a loop over them, a microsecond for two
  // dozen barriers.
  __device__ __forceinline__ void initBarriers() const {
#pragma unroll
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

  // `Step` divides Stages.
  template <int Step = 1>
  __device__ __forceinline__ void advance() {
    if ((slot += Step) >= Stages) slot -= Stages, phase ^= 1;
  }
};

// Filling the ring: three or four warps of the loading warpgroup, one elected lane of each, issue
// the copies of a stage: one the activations, one the weights, the rest the parameters. (One thread
// for all of them cannot keep up with the tensor cores.) `Role` is the warp's index in the loading
// warpgroup; each role has a loop of its own, which then lives in uniform registers.
//
// Features past the edge are not loaded: their sums are not stored. A stage past the end of the
// reduction gets zeros for activations, and the last 64 again for the rest: what is there must be
// finite.
template <typename R, bool Transposed>
struct Loaders {
  // Transposed, each 64 features have parameters of their own: two copies a stage from one thread
  // would be too slow.
  static constexpr int kWarps = Transposed && R::kShape.rows == 2 ? 4 : 3;

  // Calls `fill` with the role as a constant.
  template <typename Fill>
  static __device__ __forceinline__ void dispatch(int role, const Fill& fill) {
    if (role == 0)
      fill(std::integral_constant<int, 0>{});
    else if (role == 1)
      fill(std::integral_constant<int, 1>{});
    else if (role == 2)
      fill(std::integral_constant<int, 2>{});
    else if (kWarps > 3)
      fill(std::integral_constant<int, kWarps - 1>{});
  }
};

template <typename R, bool Transposed, int Role>
class Loader {
  static constexpr Shape kShape = R::kShape;
  static constexpr int kUnits = R::kUnits, kRunBytes = R::kRunBytes;

 public:
  __device__ __forceinline__ Loader(const R& ring, const Arguments& args, const CUtensorMap* x)
      : ring_(ring), args_(args), x_(x) {}

  // What changes with the tile only. `rank`: of a pair that halves the tokens.
  __device__ __forceinline__ void aim(int across, int firstToken, int rank = 0) {
    firstToken_ = firstToken, rank_ = rank;
    const int feature = across * kShape.rows;
    present_ = min(kShape.rows, args_.featureTiles - feature);
    if constexpr (Role == 0) {
      expected_ = kShape.loads() * kShape.chunks * args_.xRows * 128 +
                  present_ * (kShape.chunks * (layout::kTileBytes + kUnits * kRunBytes));
    } else if constexpr (Role == 1) {
      // Forward: super-tiles that are neighbours along the features lie side by side. Transposed:
      // along the reduction.
#pragma unroll
      for (int r = 0; r < kShape.rows; r++)
        from_[r] = args_.packed +
                   (Transposed ? (feature + r) * static_cast<int64_t>(args_.tilesN) : feature) *
                       layout::kTileBytes;
    } else if constexpr (Transposed) {
#pragma unroll
      for (int u = 0; u < kUnits; u++)
        from_[u] = args_.params + paramRow((feature + Role - 2) * kUnits + u);
    } else {
      from_[0] = args_.params + feature * kRunBytes;
    }
  }

  // Fills `slot`, which is free, with stage `stage` of the reduction, or with what this CTA's own
  // half of the tokens needs of it.
  __device__ __forceinline__ void load(int slot, int stage, bool ownOnly = false) const {
    const uint32_t full = ring_.full(slot);
    const int first = stage * kShape.chunks;
    if constexpr (Role == 0) {
      ptx::barrierExpect(full, expected_ - (ownOnly ? kShape.chunks * args_.xRows * 128 : 0));
      loadActivations(full, ring_.x(slot), first, ownOnly);
    } else if constexpr (Role == 1) {
      loadWeights(full, ring_.weights(slot), first);
    } else {
      loadParams(full, ring_.params(slot), first);
    }
  }

 private:
  __device__ __forceinline__ void loadActivations(uint32_t full, uint32_t to, int first,
                                                  bool ownOnly) const {
    const bool atOnce = args_.xBoxed || kShape.chunks == 1;
#pragma unroll
    for (int i = 0; i < kShape.loads(); i++) {
      if (i > 0 && ownOnly) break;
      const int token = firstToken_ + (i ^ rank_) * kShape.loadTokens();
      const uint32_t at = to + i * (kShape.loadTokens() * 128);
      if (atOnce) {
        ptx::tensorLoad(at, x_, full, args_.xBoxed ? 0 : first * 64, token,
                        args_.xBoxed ? first : 0);
      } else {
#pragma unroll
        for (int c = 0; c < kShape.chunks; c++)
          ptx::tensorLoad(at + c * (args_.xRows * 128), x_, full, (first + c) * 64, token, 0);
      }
    }
  }
  __device__ __forceinline__ void loadWeights(uint32_t full, uint32_t to, int first) const {
    if constexpr (Transposed) {
#pragma unroll
      for (int r = 0; r < kShape.rows; r++)
        if (r < present_)
          loadAlong(full, to + r * (kShape.chunks * layout::kTileBytes), from_[r],
                    layout::kTileBytes, first);
    } else {
#pragma unroll
      for (int c = 0; c < kShape.chunks; c++)
        ptx::bulkLoad(
            to + c * (kShape.rows * layout::kTileBytes),
            from_[0] + along(first + c) * static_cast<int64_t>(args_.tilesN) * layout::kTileBytes,
            present_ * layout::kTileBytes, full);
    }
  }
  __device__ __forceinline__ void loadParams(uint32_t full, uint32_t to, int first) const {
    if constexpr (Transposed) {
      constexpr int kRow = Role - 2;
      if (kRow >= present_) return;
#pragma unroll
      for (int u = 0; u < kUnits; u++)
        loadAlong(full, to + (kRow * kUnits + u) * (kShape.chunks * kRunBytes), from_[u], kRunBytes,
                  first);
    } else {
#pragma unroll
      for (int i = 0; i < kShape.chunks * kUnits; i++)
        ptx::bulkLoad(to + i * (kShape.rows * kRunBytes),
                      from_[0] + paramRow(along(first + i / kUnits) * kUnits + i % kUnits),
                      present_ * kRunBytes, full);
    }
  }
  // Where the table's row of a unit (64 / kUnits of K) starts.
  __device__ __forceinline__ int64_t paramRow(int unit) const {
    return min(static_cast<int>(args_.group.divide(unit)), args_.paramRows - 1) *
           static_cast<int64_t>(args_.tilesN) * kRunBytes;
  }
  // A stage of what lies side by side along the reduction, `bytes` to 64.
  __device__ __forceinline__ void loadAlong(uint32_t full, uint32_t to, const uint8_t* from,
                                            int bytes, int first) const {
    if (kShape.chunks == 1 || first + kShape.chunks <= args_.chunks) {
      ptx::bulkLoad(to, from + static_cast<int64_t>(first) * bytes, kShape.chunks * bytes, full);
    } else {
      for (int c = 0; c < kShape.chunks; c++)
        ptx::bulkLoad(to + c * bytes, from + static_cast<int64_t>(along(first + c)) * bytes, bytes,
                      full);
    }
  }
  __device__ __forceinline__ int along(int chunk) const {
    return kShape.chunks == 1 ? chunk : min(chunk, args_.chunks - 1);
  }

  const R& ring_;
  const Arguments& args_;
  const CUtensorMap* x_;
  int firstToken_ = 0, rank_ = 0, present_ = 0, expected_ = 0;
  const uint8_t* from_[2];  // where this role's copies start
};

}  // namespace w4a16::sm90a
