// The float32 path in portable C++: four lanes at a time, which compilers turn into whatever the
// base architecture has.
#include "kernels/job.h"

namespace w4a16 {
namespace {
#include "kernels/scalar_formats.inl"
#include "kernels/turn.inl"

struct Vec {
  static constexpr size_t kLanes = 4;
  static constexpr int kMicroRows = 4;
  static constexpr int kMicroVectors = 2;
  float v[kLanes];

  template <class F>
  static Vec each(F f) {
    Vec r;
    for (size_t i = 0; i < kLanes; i++) r.v[i] = f(i);
    return r;
  }
  static Vec zero() { return {}; }
  static Vec broadcast(float x) {
    return each([&](size_t) { return x; });
  }
  static Vec load(const float* p) {
    return each([&](size_t i) { return p[i]; });
  }
  void store(float* p) const {
    for (size_t i = 0; i < kLanes; i++) p[i] = v[i];
  }
  static Vec loadFloat16(const uint16_t* p) {
    return each([&](size_t i) { return fromFloat16(p[i]); });
  }
  void storeFloat16(uint16_t* p) const {
    for (size_t i = 0; i < kLanes; i++) p[i] = toFloat16(v[i]);
  }
  static Vec loadBFloat16(const uint16_t* p) {
    return each([&](size_t i) { return floatOf(uint32_t(p[i]) << 16); });
  }
  void storeBFloat16(uint16_t* p) const {
    for (size_t i = 0; i < kLanes; i++) p[i] = toBFloat16(v[i]);
  }
  static Vec fromNibbles(const uint32_t* dwords, int shift) {
    return each([&](size_t i) { return float(int(dwords[i] >> shift & 15)); });
  }
  static void turn(const uint32_t* codes, uint32_t* turned) { turnScalar(codes, turned); }
};

Vec operator+(Vec a, Vec b) {
  return Vec::each([&](size_t i) { return a.v[i] + b.v[i]; });
}
Vec operator-(Vec a, Vec b) {
  return Vec::each([&](size_t i) { return a.v[i] - b.v[i]; });
}
Vec operator*(Vec a, Vec b) {
  return Vec::each([&](size_t i) { return a.v[i] * b.v[i]; });
}
// Two roundings: without a fused instruction, std::fma is a slow library call.
Vec fma(Vec a, Vec b, Vec c) {
  return Vec::each([&](size_t i) { return a.v[i] * b.v[i] + c.v[i]; });
}

// Compilers swap the operands of sums as they like, differently for each number of rows, and with
// them the NaN whose sign and payload come through.
Vec resultOf(Vec value) {
  return Vec::each(
      [&](size_t i) { return value.v[i] == value.v[i] ? value.v[i] : floatOf(0x7fc00000); });
}

#include "kernels/float_kernel.inl"

constexpr Path kPath = floatPath<Vec>("portable-float32");
}  // namespace

extern const Path* const kPortableFloat;
const Path* const kPortableFloat = &kPath;

}  // namespace w4a16
