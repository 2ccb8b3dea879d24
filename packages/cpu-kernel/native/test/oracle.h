// The definition of both products in float64, and a small deterministic random generator.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "layout/packed_weight.h"

namespace w4a16::test {

struct Random {
  uint64_t state;
  explicit Random(uint64_t seed) : state(seed * 0x9e3779b97f4a7c15ull + 1) {}
  uint32_t next() {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return uint32_t(state >> 32);
  }
  double uniform() { return next() / 4294967296.0; }
  double normal() {
    return std::sqrt(-2 * std::log(uniform() + 1e-12)) * std::cos(6.283185307179586 * uniform());
  }
};

struct Weight {
  size_t n, k, groupSize;
  bool isSigned;
  std::vector<uint8_t> packed;
  std::vector<float> scales, zeros;

  Weight(size_t n, size_t k, size_t groupSize, bool isSigned, uint64_t seed)
      : n(n), k(k), groupSize(groupSize), isSigned(isSigned) {
    Random random(seed);
    packed.resize(k / 2 * n);
    for (uint8_t& byte : packed) byte = uint8_t(random.next() >> 13);
    scales.resize(k / groupSize * n);
    zeros.resize(scales.size());
    for (size_t i = 0; i < scales.size(); i++) {
      scales[i] = float(0.002 + 0.004 * random.uniform()) * (random.next() & 4096 ? 1.f : -1.f);
      zeros[i] = float(5 + 5 * random.uniform() - (isSigned ? 8 : 0));
    }
  }

  Int4Source source() const {
    return {n, k, groupSize, isSigned, packed.data(), scales.data(), zeros.data()};
  }

  double at(size_t row, size_t column) const {  // W[n, k]
    const int byte = packed[column / 2 * n + row];
    int code = column % 2 ? byte >> 4 : byte & 15;
    if (isSigned && code > 7) code -= 16;
    const size_t i = column / groupSize * n + row;
    return (code - double(zeros[i])) * double(scales[i]);
  }
};

inline float halfToFloat(uint16_t h) {
  const int e = h >> 10 & 31, f = h & 1023;
  const double m = e == 31 ? (f ? NAN : INFINITY)
                   : e     ? std::ldexp(1024 + f, e - 25)
                           : std::ldexp(f, -24);
  return float(h & 0x8000 ? -m : m);
}
inline uint16_t floatToHalf(float x) {  // nearest, ties away: only used to make test data
  if (std::isnan(x)) return 0x7e00;
  const uint16_t sign = std::signbit(x) ? 0x8000 : 0;
  const double a = std::fabs(x);
  if (a >= 65520) return sign | 0x7c00;
  int e;
  std::frexp(a, &e);
  if (e < -13) e = -13;
  const int f = int(std::lround(std::ldexp(a, 11 - e)));
  return uint16_t(sign | (f >= 2048  ? ((e + 15) << 10)
                          : f < 1024 ? f
                                     : ((e + 14) << 10) + (f - 1024)));
}
inline float bfloatToFloat(uint16_t b) {
  const uint32_t bits = uint32_t(b) << 16;
  float f;
  std::memcpy(&f, &bits, 4);
  return f;
}
inline uint16_t floatToBfloat(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  if (x != x) return 0x7fc0;
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// Elements of some type, with the exact values beside them.
struct Elements {
  DType type;
  std::vector<float> wide;
  std::vector<uint16_t> half;

  Elements(DType type, size_t count)
      : type(type), wide(count), half(type == DType::kFloat32 ? 0 : count) {}
  void set(size_t i, float x) {
    if (type == DType::kFloat32) wide[i] = x;
    if (type == DType::kFloat16) wide[i] = halfToFloat(half[i] = floatToHalf(x));
    if (type == DType::kBFloat16) wide[i] = bfloatToFloat(half[i] = floatToBfloat(x));
  }
  const void* data() const {
    return type == DType::kFloat32 ? static_cast<const void*>(wide.data()) : half.data();
  }
};

}  // namespace w4a16::test
