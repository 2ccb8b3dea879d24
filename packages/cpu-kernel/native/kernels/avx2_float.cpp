// The float32 path for AVX2 + FMA + F16C.
#include <immintrin.h>

#include "kernels/job.h"

namespace w4a16 {
namespace {
#include "kernels/turn.inl"

struct Vec {
  static constexpr size_t kLanes = 8;
  static constexpr int kMicroRows = 6;
  static constexpr int kMicroVectors = 2;
  __m256 v;

  static Vec zero() { return {_mm256_setzero_ps()}; }
  static Vec broadcast(float x) { return {_mm256_set1_ps(x)}; }
  static Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
  void store(float* p) const { _mm256_storeu_ps(p, v); }

  static __m128i load16(const uint16_t* p) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  }
  static Vec loadFloat16(const uint16_t* p) { return {_mm256_cvtph_ps(load16(p))}; }
  void storeFloat16(uint16_t* p) const {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                     _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  static Vec loadBFloat16(const uint16_t* p) {
    return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(load16(p)), 16))};
  }
  void storeBFloat16(uint16_t* p) const {
    const __m256i bits = _mm256_castps_si256(v);
    const __m256i top = _mm256_srli_epi32(bits, 16);
    const __m256i odd = _mm256_and_si256(top, _mm256_set1_epi32(1));
    const __m256i up = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
    const __m256 nan = _mm256_cmp_ps(v, v, _CMP_UNORD_Q);
    const __m256i quiet = _mm256_or_si256(top, _mm256_set1_epi32(0x40));
    const __m256i out = _mm256_castps_si256(_mm256_blendv_ps(
        _mm256_castsi256_ps(_mm256_srli_epi32(up, 16)), _mm256_castsi256_ps(quiet), nan));
    _mm_storeu_si128(
        reinterpret_cast<__m128i*>(p),
        _mm_packus_epi32(_mm256_castsi256_si128(out), _mm256_extracti128_si256(out, 1)));
  }

  static Vec fromNibbles(const uint32_t* dwords, int shift) {
    const __m256i d = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(dwords));
    const __m256i q = _mm256_srl_epi32(d, _mm_cvtsi32_si128(shift));
    return {_mm256_cvtepi32_ps(_mm256_and_si256(q, _mm256_set1_epi32(15)))};
  }

  static void turn(const uint32_t* codes, uint32_t* turned) { turnScalar(codes, turned); }
};

Vec operator+(Vec a, Vec b) {
  return {_mm256_add_ps(a.v, b.v)};
}
Vec operator-(Vec a, Vec b) {
  return {_mm256_sub_ps(a.v, b.v)};
}
Vec operator*(Vec a, Vec b) {
  return {_mm256_mul_ps(a.v, b.v)};
}
Vec fma(Vec a, Vec b, Vec c) {
  return {_mm256_fmadd_ps(a.v, b.v, c.v)};
}

#include "kernels/float_kernel.inl"

constexpr Path kPath = floatPath<Vec>("avx2-float32");
}  // namespace

extern const Path* const kAvx2Float;
const Path* const kAvx2Float = &kPath;

}  // namespace w4a16
