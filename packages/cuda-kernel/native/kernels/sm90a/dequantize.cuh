// From a register of quads to an A fragment of wgmma, by either table of parameters;
// `layout/quads.hpp`, `layout/params.hpp` and `layout/hopper_params.hpp` define both sides.
#pragma once
#include "../../layout/hopper_params.hpp"
#include "../common/dequantize.cuh"
#include "ptx.cuh"

namespace w4a16::sm90a {

// LaneParams (common/dequantize.cuh) of Encoding::Zero.
struct ZeroParams {
  uint32_t scale[2];  // s'
  uint32_t zero[2];   // z'
};

// Nibble I of both halves: (q − z)·s, in 3 instructions and half a shift.
template <typename T, int I>
W4A16_DEVICE uint32_t dequantizePair(uint32_t quads, const ZeroParams& p) {
  constexpr uint32_t kUnit = layout::codeUnit(Numeric<T>::kType == DataType::Float16, I % 2 == 1);
  const uint32_t code = (I < 2 ? quads : quads >> 8) & (I % 2 == 0 ? 0x000F000F : 0x00F000F0);
  const uint32_t difference = Numeric<T>::multiplyAdd(code, kUnit, p.zero[I / 2]);
  return Numeric<T>::multiply(difference, p.scale[I / 2]);
}

// How a lane takes its parameters out of the entries in shared memory. `first`: the address of the
// entry that load(0) takes.
template <typename T, Encoding Form, bool Transposed>
class ParamReader;

template <typename T, bool Transposed>
class ParamReader<T, Encoding::Midpoint, Transposed> {
  using Entry = LaneEntry<T, Transposed>;

 public:
  using Lane = LaneParams;
  static constexpr int kEntryBytes = layout::kEntryBytes;

  W4A16_DEVICE_METHOD ParamReader(uint32_t first, int lane)
      : entry_(lane, true),
        at_(ptx::held(first + Entry::t(lane) * 16)),
        midpointsAt_(ptx::held(at_ + layout::kEntryMidpoints - Entry::t(lane) * 12)) {}
  W4A16_DEVICE_METHOD Lane load(uint32_t offset) const {
    return entry_.load(at_ + offset, midpointsAt_ + offset);
  }

 private:
  const Entry entry_;
  const uint32_t at_, midpointsAt_;
};

template <typename T, bool Transposed>
class ParamReader<T, Encoding::Zero, Transposed> {
 public:
  using Lane = ZeroParams;
  static constexpr int kEntryBytes = layout::kHopperEntryBytes;

  W4A16_DEVICE_METHOD ParamReader(uint32_t first, int lane)
      : half_(lane & 4 ? 0x3232 : 0x1010),  // forward: row lane / 4 is the upper of its pair
        at_(ptx::held(first + LaneEntry<T, Transposed>::t(lane) * 16)) {
    if (!Transposed) ptx::hold(half_);
  }
  W4A16_DEVICE_METHOD Lane load(uint32_t offset) const {
    const uint4 v = ptx::loadShared16(at_ + offset);
    if constexpr (Transposed) return {{v.x, v.z}, {v.y, v.w}};
    return {{ptx::permute(v.x, 0, half_), ptx::permute(v.z, 0, half_)},
            {ptx::permute(v.y, 0, half_), ptx::permute(v.w, 0, half_)}};
  }

 private:
  uint32_t half_;
  const uint32_t at_;
};

}  // namespace w4a16::sm90a
