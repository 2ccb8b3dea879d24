// From float32 sums to the output: scale, bias, rounding, stores that end at the edges.
//
// What every tile runs is kept short: the code is unrolled over a thread's sums, and when all
// cases were in line, fetching instructions took 8 µs a tile of 128 × 256.
#pragma once
#include "../common/numeric.cuh"
#include "arguments.hpp"
#include "ptx.cuh"

namespace w4a16::sm90a {

W4A16_DEVICE float loadBias(const Arguments& args, int feature) {
  if (!args.bias || feature >= args.features) return 0.f;
  switch (args.biasType) {
    case DataType::Float16:
      return __half2float(static_cast<const __half*>(args.bias)[feature]);
    case DataType::BFloat16:
      return __bfloat162float(static_cast<const __nv_bfloat16*>(args.bias)[feature]);
    default:
      return static_cast<const float*>(args.bias)[feature];
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

// A warpgroup's 64 features from `firstFeature` on can be stored 16 bytes at a time.
W4A16_DEVICE bool storesVectors(const Arguments& args, int firstFeature) {
  return args.outVector && firstFeature + 64 <= args.features;
}

// sum · outScale + bias. A thread's sums belong to two features, `feature` and `feature` + 8, in
// turn by pairs.
template <int Count>
W4A16_DEVICE void scaleAndBias(const Arguments& args, float (&sum)[Count], int feature) {
  if (!args.bias && args.outScale == 1.f) return;
  const float bias[2] = {loadBias(args, feature), loadBias(args, feature + 8)};
#pragma unroll
  for (int i = 0; i < Count; i++) sum[i] = fmaf(sum[i], args.outScale, bias[i >> 1 & 1]);
}

// For edges, odd strides and float32: rows (tokens) of 64 float32 in shared memory, stored one by
// one. (From registers, the code would be thousands of instructions, and what lies behind it would
// be fetched later, although it is hardly ever run.)
W4A16_DEVICE void stageElement(uint32_t staging, int row, int column, float v) {
  ptx::storeSharedFloat(staging + (row * 64 + column) * 4, v);
}
template <typename T, typename TokenOf>
W4A16_DEVICE void storeStaged(const Arguments& args, uint32_t staging, int rows,
                              const TokenOf& tokenOf, int firstFeature, int thread) {
#pragma unroll 1
  for (int i = thread; i < rows * 64; i += 128) {
    const int token = tokenOf(i / 64), feature = firstFeature + i % 64;
    if (token >= args.tokens || feature >= args.features) continue;
    const float v = ptx::loadSharedFloat(staging + i * 4);
    const int64_t at = token * args.outStride + feature;
    if (args.outType == DataType::Float32)
      static_cast<float*>(args.out)[at] = v;
    else
      static_cast<T*>(args.out)[at] = Numeric<T>::fromFloat(v);
  }
}

// Staging in shared memory: rows (tokens) of 128 bytes (64 features), 16-byte pieces XOR-swizzled
// by the row.
W4A16_DEVICE uint32_t stagingOffset(int row, int piece) {
  return row * 128 + ((piece ^ (row & 7)) << 4);
}

}  // namespace w4a16::sm90a
