// Scales and zero points as the Hopper kernels read them. This file is the definition.
//
// A 16-bit weight is rebuilt from its stored (unsigned) code q by two instructions on pairs, and
// nothing else:
//
//   d = fma(u, C, z')     u: the code's bits, taken for a number of the type
//   w = d · s'            z' = −z·2^−e, s' = s·2^e
//
// Taken for a number, the four lowest bits of a 16-bit word are a subnormal, q·2^−133 in bfloat16
// and q·2^−24 in float16; the next four are 16 times as much (they may reach the lowest bit of the
// exponent, where a unit is worth as much as in subnormals). C is a power of two, and the largest
// of the type makes u·C = q·2^−e with e = 6 in bfloat16 and 9 in float16. So w is (q − z)·s,
// rounded twice, and no integer has to be turned into a float: with one shift for each 8 codes,
// that is 13 instructions for 8 codes against 15 with a midpoint (params.hpp), and one load of 16
// bytes less 4. Simulated as there, errors in units of the scale (rms / mean of a group), bf16:
// .0050 / .0013.
//
// It takes a z that is a number of the type. Zero points are rounded to the type before anything
// else; but those of signed codes are then raised by 8 with the codes, and a fraction may not be
// left room: such weights keep to the table with midpoints, and to the portable kernels.
//
// The table of a weight is that of params.hpp with entries of 64 bytes: where c is there, z' is
// here, and there are no bytes m.
#pragma once
#include "params.hpp"

namespace w4a16::layout {

constexpr int kHopperEntryBytes = kEntryMidpoints;

// 2^−e of the type.
W4A16_HOST_DEVICE constexpr float zeroUnit(bool isFloat16) {
  return isFloat16 ? 1.f / 512.f : 1.f / 64.f;
}

// The bits of C, twice: for codes in the low or the high four bits of a byte.
W4A16_HOST_DEVICE constexpr uint32_t codeUnit(bool isFloat16, bool high) {
  return isFloat16 ? (high ? 0x68006800u : 0x78007800u)   // 2^11, 2^15
                   : (high ? 0x7D007D00u : 0x7F007F00u);  // 2^123, 2^127
}

// Byte offset inside an entry of the z' of n; of its s': entryScale().
W4A16_HOST_DEVICE constexpr int entryZero(int64_t n) {
  return entryOffsetC(n);
}

}  // namespace w4a16::layout
