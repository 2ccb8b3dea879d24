// Scales and zero points as the kernels read them, all but Hopper's (hopper_params.hpp). This file
// is the definition.
//
// A 16-bit weight is rebuilt from its stored (unsigned) code q by
//
//   w = fma(q − μ, s, c)       μ = round(z), limited to −32..95;  c = round16((μ − z)·s)
//
// (Where z is beyond the limits, μ is the one of the 16 integers nearest to it whose c rounds
// best: `kernels/pack/params.cu`.)
//
// q − μ is a small integer, exact in float16 and bfloat16. Centring at the nearest
// integer of the zero point, rather than at a fixed 8, keeps |c| ≤ s/2, so that c's
// own rounding almost vanishes. Simulated on HQQ-like groups of 128, errors in units
// of the scale (rms / mean of a group), bf16:
//
//   (q − z)·s rounded once                .00485 / .0013
//   round(round(q − z)·s)                 .0050  / .0013
//   fma(q − 8, s, round((8 − z)·s))       .0052  / .0021
//   this                                  .0049  / .0014      (fp16: an eighth of each)
//
// μ costs one byte, stored as the byte m = μ + 32 (0..127). With the exponent
// byte of 128 in bfloat16 (0x43) or of 1024 in float16 (0x64) above it, it is the number
// 128 + m or 1024 + m; so one `prmt` makes the subtrahend of the magic-number code
// (0x4320 | q = 128 + 32 + q, or 0x6420 | q = 1024 + 32 + q), and their exact
// difference is q − μ.
//
// The table of a weight [N, K] with groups of G along K:
//
//   row      one a group; ⌈K/G⌉ rows of ⌈N/64⌉·4 entries
//   entry    16 consecutive n of one group, 80 bytes:
//              byte  0: for t = 0..3, 16 bytes:
//                       s(2t) s(2t+1) c(2t) c(2t+1) s(2t+8) s(2t+9) c(2t+8) c(2t+9)
//              byte 64: for t = 0..3, 4 bytes:
//                       m(2t) m(2t+1) m(2t+8) m(2t+9)
//
// Lane c = lane % 4 of a fragment holds the reduction indices 2c, 2c+1, 2c+8, 2c+9: in
// the transposed product (reduction n) its parameters are one 16-byte and one 4-byte
// load. In the forward product (rows n) a lane needs rows r and r + 8, r = lane / 4: the
// same two loads at t = r / 2, and a choice of halves. Entries of padded n are zero.
//
// float16 has few exponents: its table holds the scales of the whole weight times 2^−e, so
// that the largest is near 2^kScaleExponent, and the product's sums are multiplied by 2^e.
//
// float32 activations use the plain table instead: [⌈K/G⌉][⌈N/64⌉·64] of {s, z}, float32.
#pragma once
#include "quads.hpp"

namespace w4a16::layout {

constexpr int kEntrySize = 16;  // n per entry
constexpr int kEntryBytes = 80;
constexpr int kEntryMidpoints = 64;  // byte offset of the m bytes
constexpr int kMidpointBias = 32;    // m = μ + 32
constexpr int kMidpointMax = 127;
// 2⁶ · 111, the largest |q − z| near its range, is far from 65504.
constexpr int kScaleExponent = 6;

struct ParamTable {
  int64_t entriesPerRow;
  int64_t rows;
  int64_t groupSize;
  int entryBytes;

  W4A16_HOST_DEVICE constexpr ParamTable(int64_t n, int64_t k, int64_t g, int entry = kEntryBytes)
      : entriesPerRow(ceilDiv<int64_t>(n, kTileSize) * (kTileSize / kEntrySize)),
        rows(ceilDiv(k, g)),
        groupSize(g),
        entryBytes(entry) {}

  W4A16_HOST_DEVICE constexpr int64_t rowBytes() const { return entriesPerRow * entryBytes; }
  W4A16_HOST_DEVICE constexpr int64_t bytes() const { return rows * rowBytes(); }
  W4A16_HOST_DEVICE constexpr int64_t plainBytes() const {
    return rows * entriesPerRow * kEntrySize * 8;
  }
  W4A16_HOST_DEVICE constexpr int64_t plainOffset(int64_t row, int64_t n) const {
    return (row * entriesPerRow * kEntrySize + n) * 8;
  }
  W4A16_HOST_DEVICE constexpr int64_t entryOffset(int64_t row, int64_t n) const {
    return row * rowBytes() + n / kEntrySize * entryBytes;
  }
};

// Which t of an entry holds n.
W4A16_HOST_DEVICE constexpr int entryLane(int64_t n) {
  return static_cast<int>((n & 7) >> 1);
}

// Byte offsets inside an entry of the scale, the offset c and the byte m of n.
W4A16_HOST_DEVICE constexpr int entryScale(int64_t n) {
  return entryLane(n) * 16 + static_cast<int>((n >> 3) & 1) * 8 + static_cast<int>(n & 1) * 2;
}
W4A16_HOST_DEVICE constexpr int entryOffsetC(int64_t n) {
  return entryScale(n) + 4;
}
W4A16_HOST_DEVICE constexpr int entryMidpoint(int64_t n) {
  return kEntryMidpoints + entryLane(n) * 4 + static_cast<int>((n >> 3) & 1) * 2 +
         static_cast<int>(n & 1);
}

// The byte m of a zero point z of unsigned codes. NaN gives μ = 0.
W4A16_HOST_DEVICE int midpointByte(float z) {
  const float m = z + static_cast<float>(kMidpointBias) + 0.5f;
  if (!(m >= 0.f)) return z < 0.f ? 0 : kMidpointBias;
  return m >= kMidpointMax ? kMidpointMax : static_cast<int>(m);
}
W4A16_HOST_DEVICE float midpoint(int byte) {
  return static_cast<float>(byte - kMidpointBias);
}

// c before it is rounded. A zero difference stays zero whatever the scale.
W4A16_HOST_DEVICE float offsetC(float scale, float z, int byte) {
  const float d = midpoint(byte) - z;
  return d == 0.f ? 0.f : d * scale;
}

}  // namespace w4a16::layout
