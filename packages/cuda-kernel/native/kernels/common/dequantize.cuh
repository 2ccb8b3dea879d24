// From a register of quads to an A fragment, in the portable kernels; `layout/quads.hpp` and
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

// How a lane takes its parameters out of an entry in shared memory.
template <typename T, bool Transposed>
struct LaneEntry {
  uint32_t half, midpoint;  // permute selectors

  W4A16_DEVICE_METHOD LaneEntry(int lane, bool hold) {
    const bool odd = lane & 4;  // forward: row lane / 4 is the upper of its pair
    half = odd ? 0x3232 : 0x1010;
    midpoint = Transposed ? 0x4140 : odd ? 0x4141 : 0x4040;
    if (!Transposed && hold) ptx::hold(half), ptx::hold(midpoint);
  }
  // Which of an entry's four parts is the lane's: 16 bytes at 16·t, and 4 at kEntryMidpoints + 4·t.
  W4A16_DEVICE_METHOD static int t(int lane) { return Transposed ? lane & 3 : lane >> 3; }

  W4A16_DEVICE_METHOD LaneParams load(uint32_t at, uint32_t midpointsAt) const {
    constexpr uint32_t kHigh = Numeric<T>::kMagicHigh;
    const uint4 v = ptx::loadShared16(at);
    const uint32_t m = ptx::loadShared4(midpointsAt);
    LaneParams p;
    p.scale[0] = v.x, p.offset[0] = v.y, p.scale[1] = v.z, p.offset[1] = v.w;
    if constexpr (!Transposed) {
      p.scale[0] = ptx::permute(v.x, 0, half), p.offset[0] = ptx::permute(v.y, 0, half);
      p.scale[1] = ptx::permute(v.z, 0, half), p.offset[1] = ptx::permute(v.w, 0, half);
    }
    p.midpoint[0] = ptx::permute(m, kHigh, midpoint);
    p.midpoint[1] =
        Transposed ? ptx::permute(m, kHigh, 0x4342) : ptx::permute(m >> 16, kHigh, midpoint);
    return p;
  }
};

// Nibble I of both halves: (q − μ)·s + c, in 3 instructions and a shift.
template <typename T, int I>
W4A16_DEVICE uint32_t dequantizePair(uint32_t quads, const LaneParams& p) {
  const uint32_t code = ptx::maskOr<0x000F000F, Numeric<T>::kMagic>(quads >> (4 * I));
  return Numeric<T>::multiplyAdd(Numeric<T>::subtract(code, p.midpoint[I >> 1]), p.scale[I >> 1],
                                 p.offset[I >> 1]);
}

}  // namespace w4a16
