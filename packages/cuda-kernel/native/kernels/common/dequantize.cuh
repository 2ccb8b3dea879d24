// From a register of quads to an A fragment; `layout/quads.hpp` and
// `layout/params.hpp` define both sides.
#pragma once
#include "../../layout/params.hpp"
#include "numeric.cuh"

namespace w4a16 {

// The parameters of one lane for one fragment, each in pairs. Set 0 serves nibbles
// 0 and 1 of a quad, set 1 nibbles 2 and 3 (eight further in n).
//   forward:    the two rows of the lane, each value twice
//   transposed: the two pairs of neighbours along the reduction
struct LaneParams {
  uint32_t scale[2];
  uint32_t offset[2];    // c
  uint32_t midpoint[2];  // 128 + m, or 1024 + m
};

// Reads a lane's parameters from an entry in shared memory.
template <typename T, bool Transposed>
W4A16_DEVICE LaneParams loadLaneParams(uint32_t entry, int lane) {
  constexpr uint32_t kHigh = Numeric<T>::kMagicHigh;
  const int t = Transposed ? lane & 3 : lane >> 3;
  const uint4 v = ptx::loadShared16(entry + t * 16);
  const uint32_t m = ptx::loadShared4(entry + layout::kEntryMidpoints + t * 4);
  LaneParams p;
  if constexpr (Transposed) {
    p.scale[0] = v.x, p.offset[0] = v.y, p.scale[1] = v.z, p.offset[1] = v.w;
    p.midpoint[0] = ptx::permute(m, kHigh, 0x4140);
    p.midpoint[1] = ptx::permute(m, kHigh, 0x4342);
  } else {
    const bool odd = lane & 4;  // row lane / 4 is the upper of its pair
    const uint32_t half = odd ? 0x3232 : 0x1010;
    p.scale[0] = ptx::permute(v.x, 0, half), p.offset[0] = ptx::permute(v.y, 0, half);
    p.scale[1] = ptx::permute(v.z, 0, half), p.offset[1] = ptx::permute(v.w, 0, half);
    p.midpoint[0] = ptx::permute(m, kHigh, odd ? 0x4141 : 0x4040);
    p.midpoint[1] = ptx::permute(m, kHigh, odd ? 0x4343 : 0x4242);
  }
  return p;
}

// Nibble I of both halves: (q − μ)·s + c, in 3 instructions and a shift.
template <typename T, int I>
W4A16_DEVICE uint32_t dequantizePair(uint32_t quads, const LaneParams& p) {
  const uint32_t code = ptx::maskOr<0x000F000F, Numeric<T>::kMagic>(quads >> (4 * I));
  return Numeric<T>::multiplyAdd(Numeric<T>::subtract(code, p.midpoint[I >> 1]), p.scale[I >> 1], p.offset[I >> 1]);
}

}  // namespace w4a16
