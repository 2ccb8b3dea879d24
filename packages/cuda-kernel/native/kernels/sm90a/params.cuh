// One lane's parameters out of shared memory: loadLaneParams() with everything that does not change kept in registers.
#pragma once
#include "../common/dequantize.cuh"
#include "ptx.cuh"

namespace w4a16::sm90a {

template <typename T, bool Transposed>
class LaneParamReader {
 public:
  // `first`: address of an entry (layout/params.hpp).
  __device__ __forceinline__ LaneParamReader(uint32_t first, int lane) {
    const int t = Transposed ? lane & 3 : lane >> 3;
    const bool odd = lane & 4;  // forward: the lane's row is the upper of its pair
    pairsAt_ = ptx::keep(first + t * 16);
    midpointsAt_ = ptx::keep(first + layout::kEntryMidpoints + t * 4);
    half_ = Transposed ? 0 : ptx::keep(odd ? 0x3232 : 0x1010);
    low_ = Transposed ? 0x4140 : ptx::keep(odd ? 0x4141 : 0x4040);
    high_ = Transposed ? 0x4342 : ptx::keep(odd ? 0x4343 : 0x4242);
  }
  // Of the entry `offset` bytes further.
  __device__ __forceinline__ LaneParams read(uint32_t offset) const {
    const uint4 v = ptx::loadShared16(pairsAt_ + offset);
    const uint32_t m = ptx::loadShared4(midpointsAt_ + offset);
    LaneParams p;
    p.scale[0] = choose(v.x), p.offset[0] = choose(v.y), p.scale[1] = choose(v.z), p.offset[1] = choose(v.w);
    p.midpoint[0] = ptx::permute(m, Numeric<T>::kMagicHigh, low_);
    p.midpoint[1] = ptx::permute(m, Numeric<T>::kMagicHigh, high_);
    return p;
  }

 private:
  // Forward: one row's value, twice.
  __device__ __forceinline__ uint32_t choose(uint32_t pair) const { return Transposed ? pair : ptx::permute(pair, 0, half_); }

  uint32_t pairsAt_, midpointsAt_, half_, low_, high_;
};

}  // namespace w4a16::sm90a
