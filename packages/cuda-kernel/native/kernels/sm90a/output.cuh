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

// One thread's stores of eight neighbouring features, 16 bits each, of several tokens.
struct EightFeatures {
  uint16_t* out;   // of token 0
  int64_t stride;
  int tokens, present;  // rows; how many of the eight features exist
  bool vector;

  __device__ __forceinline__ EightFeatures(const Arguments& args, int feature)
      : out(static_cast<uint16_t*>(args.out) + feature), stride(args.outStride), tokens(args.tokens), present(args.features - feature),
        vector(args.outVector && present >= 8) {}

  __device__ __forceinline__ void store(int token, uint4 v) const {
    if (token >= tokens) return;
    uint16_t* const at = out + token * stride;
    if (vector) {
      *reinterpret_cast<uint4*>(at) = v;
      return;
    }
    const uint32_t words[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
    for (int i = 0; i < 8; i++)
      if (i < present) at[i] = static_cast<uint16_t>(words[i / 2] >> (i % 2 * 16));
  }
};

// One float32: no staging, since the eight rows of a fragment fill a sector.
W4A16_DEVICE void storeFloat(const Arguments& args, int token, int feature, float v) {
  if (token < args.tokens && feature < args.features) static_cast<float*>(args.out)[token * args.outStride + feature] = v;
}

// Staging in shared memory: rows (tokens) of 128 bytes (64 features), 16-byte pieces XOR-swizzled by the row.
W4A16_DEVICE uint32_t stagingOffset(int row, int piece) { return row * 128 + ((piece ^ (row & 7)) << 4); }

}  // namespace w4a16::sm90a
