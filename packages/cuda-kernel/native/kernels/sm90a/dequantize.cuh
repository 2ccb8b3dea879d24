// From a register of quads to an A fragment of wgmma; `layout/quads.hpp` and
// `layout/hopper_params.hpp` define both sides.
#pragma once
#include "../../layout/hopper_params.hpp"
#include "../common/numeric.cuh"

namespace w4a16::sm90a {

// C for the low and the high nibble of a byte, twice each, and the product of pairs.
template <typename T>
struct CodeUnit;

template <>
struct CodeUnit<__half> {
  static constexpr uint32_t kLow = 0x78007800, kHigh = 0x68006800;  // 2^15, 2^11
  W4A16_DEVICE uint32_t multiply(uint32_t a, uint32_t b) {
    uint32_t r;
    asm("mul.rn.f16x2 %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));
    return r;
  }
};

template <>
struct CodeUnit<__nv_bfloat16> {
  static constexpr uint32_t kLow = 0x7F007F00, kHigh = 0x7D007D00;  // 2^127, 2^123
  W4A16_DEVICE uint32_t multiply(uint32_t a, uint32_t b) {
    uint32_t r;
    asm("mul.rn.bf16x2 %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));
    return r;
  }
};

// The parameters of one lane for one fragment, each in pairs. Set 0 serves nibbles 0 and 1 of a
// quad, set 1 nibbles 2 and 3 (eight further in n).
//   forward:    the two rows of the lane, each value twice
//   transposed: the two pairs of neighbours along the reduction
struct LaneParams {
  uint32_t scale[2];  // s'
  uint32_t zero[2];   // z'
};

// How a lane takes its parameters out of an entry in shared memory.
template <bool Transposed>
struct LaneEntry {
  uint32_t half;  // permute selector

  W4A16_DEVICE_METHOD explicit LaneEntry(int lane)
      : half(lane & 4 ? 0x3232 : 0x1010) {  // forward: row lane / 4 is the upper of its pair
    if (!Transposed) ptx::hold(half);
  }
  // Which of an entry's four parts is the lane's: 16 bytes at 16·t.
  W4A16_DEVICE_METHOD static int t(int lane) { return Transposed ? lane & 3 : lane >> 3; }

  W4A16_DEVICE_METHOD LaneParams load(uint32_t at) const {
    const uint4 v = ptx::loadShared16(at);
    if constexpr (Transposed) return {{v.x, v.z}, {v.y, v.w}};
    return {{ptx::permute(v.x, 0, half), ptx::permute(v.z, 0, half)},
            {ptx::permute(v.y, 0, half), ptx::permute(v.w, 0, half)}};
  }
};

// Nibble I of both halves: (q − z)·s, in 3 instructions and half a shift.
template <typename T, int I>
W4A16_DEVICE uint32_t dequantizePair(uint32_t quads, const LaneParams& p) {
  using Unit = CodeUnit<T>;
  const uint32_t code = (I < 2 ? quads : quads >> 8) & (I % 2 == 0 ? 0x000F000F : 0x00F000F0);
  const uint32_t difference =
      Numeric<T>::multiplyAdd(code, I % 2 == 0 ? Unit::kLow : Unit::kHigh, p.zero[I / 2]);
  return Unit::multiply(difference, p.scale[I / 2]);
}

}  // namespace w4a16::sm90a
