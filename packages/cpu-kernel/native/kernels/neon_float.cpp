// The float32 path for arm64 NEON (Advanced SIMD, part of every armv8-a).
#include <arm_neon.h>

#include "kernels/job.h"

namespace w4a16 {
namespace {
#include "kernels/turn.inl"

struct Vec {
  static constexpr size_t kLanes = 4;
  static constexpr int kMicroRows = 6;
  static constexpr int kMicroVectors = 4;
  float32x4_t v;

  static Vec zero() { return {vdupq_n_f32(0)}; }
  static Vec broadcast(float x) { return {vdupq_n_f32(x)}; }
  static Vec load(const float* p) { return {vld1q_f32(p)}; }
  void store(float* p) const { vst1q_f32(p, v); }

  static Vec loadFloat16(const uint16_t* p) {
    return {vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)))};
  }
  void storeFloat16(uint16_t* p) const { vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(v))); }
  static Vec loadBFloat16(const uint16_t* p) {
    return {vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16))};
  }
  void storeBFloat16(uint16_t* p) const {
    const uint32x4_t bits = vreinterpretq_u32_f32(v);
    const uint32x4_t top = vshrq_n_u32(bits, 16);
    const uint32x4_t odd = vandq_u32(top, vdupq_n_u32(1));
    const uint32x4_t up = vaddq_u32(vaddq_u32(bits, vdupq_n_u32(0x7fff)), odd);
    const uint32x4_t number = vceqq_f32(v, v);
    const uint32x4_t quiet = vorrq_u32(top, vdupq_n_u32(0x40));
    vst1_u16(p, vmovn_u32(vbslq_u32(number, vshrq_n_u32(up, 16), quiet)));
  }

  static Vec fromNibbles(const uint32_t* dwords, int shift) {
    const uint32x4_t q = vshlq_u32(vld1q_u32(dwords), vdupq_n_s32(-shift));
    return {vcvtq_f32_u32(vandq_u32(q, vdupq_n_u32(15)))};
  }

  static void turn(const uint32_t* codes, uint32_t* turned) { turnScalar(codes, turned); }
};

Vec operator+(Vec a, Vec b) {
  return {vaddq_f32(a.v, b.v)};
}
Vec operator-(Vec a, Vec b) {
  return {vsubq_f32(a.v, b.v)};
}
Vec operator*(Vec a, Vec b) {
  return {vmulq_f32(a.v, b.v)};
}
Vec fma(Vec a, Vec b, Vec c) {
  return {vfmaq_f32(c.v, a.v, b.v)};
}

#include "kernels/float_kernel.inl"

constexpr Path kPath = floatPath<Vec>("neon-float32");
}  // namespace

extern const Path* const kNeonFloat;
const Path* const kNeonFloat = &kPath;

}  // namespace w4a16
