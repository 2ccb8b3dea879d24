// From float32 sums to the output: bias, rounding, stores that end at the edges.
#pragma once
#include "../common/numeric.cuh"
#include "arguments.hpp"
#include "ptx.cuh"

namespace w4a16::sm90a {

W4A16_DEVICE float loadBias(const Arguments& args, int feature) {
  if (!args.bias || feature >= args.features) return 0.f;
  switch (args.biasType) {
    case DataType::Float16: return __half2float(static_cast<const __half*>(args.bias)[feature]);
    case DataType::BFloat16: return __bfloat162float(static_cast<const __nv_bfloat16*>(args.bias)[feature]);
    default: return static_cast<const float*>(args.bias)[feature];
  }
}

template <typename T>
W4A16_DEVICE uint32_t roundPair(float low, float high);
template <>
__device__ __forceinline__ uint32_t roundPair<__half>(float low, float high) {
  uint32_t r;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
  return r;
}
template <>
__device__ __forceinline__ uint32_t roundPair<__nv_bfloat16>(float low, float high) {
  uint32_t r;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
  return r;
}

// Eight neighbouring features of one token, 16 bits each.
W4A16_DEVICE void storeEight(const Arguments& args, int token, int feature, uint4 v) {
  if (token >= args.tokens) return;
  uint16_t* out = static_cast<uint16_t*>(args.out) + token * args.outStride + feature;
  if (args.outVector && feature + 8 <= args.features) {
    *reinterpret_cast<uint4*>(out) = v;
  } else {
    const uint32_t words[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
    for (int i = 0; i < 8; i++)
      if (feature + i < args.features) out[i] = static_cast<uint16_t>(words[i / 2] >> (i % 2 * 16));
  }
}

// One float32: no staging, since the eight rows of a fragment fill a sector.
W4A16_DEVICE void storeFloat(const Arguments& args, int token, int feature, float v) {
  if (token < args.tokens && feature < args.features) static_cast<float*>(args.out)[token * args.outStride + feature] = v;
}

// Staging in shared memory: rows (tokens) of 128 bytes (64 features), 16-byte pieces XOR-swizzled by the row.
W4A16_DEVICE uint32_t stagingOffset(int row, int piece) { return row * 128 + ((piece ^ (row & 7)) << 4); }

}  // namespace w4a16::sm90a
