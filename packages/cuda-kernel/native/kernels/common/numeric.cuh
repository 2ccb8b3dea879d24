// The two 16-bit formats: their arithmetic in pairs, their matrix instruction, and
// the magic numbers that turn a code into a value of the format.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "../fused_problem.hpp"
#include "ptx.cuh"

namespace w4a16 {

template <typename T>
struct Numeric;

template <>
struct Numeric<__half> {
  static constexpr DataType kType = DataType::Float16;
  static constexpr uint32_t kMagic = 0x64206420;      // 1024 + 32, twice; the ulp there is 1
  static constexpr uint32_t kMagicHigh = 0x64646464;  // the upper bytes of 1024..1151
  W4A16_DEVICE uint32_t subtract(uint32_t a, uint32_t b) {
    uint32_t r;
    asm("sub.rn.f16x2 %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));
    return r;
  }
  W4A16_DEVICE uint32_t multiplyAdd(uint32_t a, uint32_t b, uint32_t c) {
    uint32_t r;
    asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(r) : "r"(a), "r"(b), "r"(c));
    return r;
  }
  W4A16_DEVICE uint32_t multiply(uint32_t a, uint32_t b) {
    uint32_t r;
    asm("mul.rn.f16x2 %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));
    return r;
  }
  // d[16×8] += a[16×16] · b[16×8], float32 accumulators
  W4A16_DEVICE void mma(float (&d)[4], uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3,
                        uint32_t b0, uint32_t b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
  }
  W4A16_DEVICE __half fromFloat(float x) { return __float2half_rn(x); }
  W4A16_DEVICE float toFloat(__half x) { return __half2float(x); }
};

template <>
struct Numeric<__nv_bfloat16> {
  static constexpr DataType kType = DataType::BFloat16;
  static constexpr uint32_t kMagic = 0x43204320;      // 128 + 32, twice; the ulp there is 1
  static constexpr uint32_t kMagicHigh = 0x43434343;  // the upper bytes of 128..255
  W4A16_DEVICE uint32_t subtract(uint32_t a, uint32_t b) {
#if __CUDA_ARCH__ >= 900
    uint32_t r;
    asm("sub.rn.bf16x2 %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));
    return r;
#else
    return multiplyAdd(b, 0xBF80BF80u, a);  // sm_80 has no bf16 subtraction; times −1 is as exact
#endif
  }
  W4A16_DEVICE uint32_t multiplyAdd(uint32_t a, uint32_t b, uint32_t c) {
    uint32_t r;
    asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(r) : "r"(a), "r"(b), "r"(c));
    return r;
  }
  W4A16_DEVICE uint32_t multiply(uint32_t a, uint32_t b) {
#if __CUDA_ARCH__ >= 900
    uint32_t r;
    asm("mul.rn.bf16x2 %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));
    return r;
#else
    return multiplyAdd(a, b, 0x80008000u);  // plus −0
#endif
  }
  W4A16_DEVICE void mma(float (&d)[4], uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3,
                        uint32_t b0, uint32_t b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
        "{%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
  }
  W4A16_DEVICE __nv_bfloat16 fromFloat(float x) { return __float2bfloat16_rn(x); }
  W4A16_DEVICE float toFloat(__nv_bfloat16 x) { return __bfloat162float(x); }
};

}  // namespace w4a16
