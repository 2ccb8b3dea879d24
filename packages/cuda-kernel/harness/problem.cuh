// A synthetic weight, repacked by the product's own kernels, and its activations.
#pragma once
#include "kernels/pack/pack.hpp"
#include "layout/hopper_params.hpp"
#include "support.cuh"

namespace harness {

enum class ScaleKind {
  Ordinary,
  Signs,
  Zero,
  Tiny
};  // Signs: negative ones too; Tiny: subnormal in float16
enum class ZeroKind { Hqq, Integer, FarBelow, FarAbove, Wide };  // Hqq: real, 5..10; Far: −20, 100

__global__ void fillCodes(uint8_t* bytes, int64_t count, uint32_t seed) {
  GRID_STRIDE(i, count)
  bytes[i] = static_cast<uint8_t>(mix(static_cast<uint32_t>(i) * 2654435761u + seed));
}
__global__ void fillParams(float* scales, float* zeros, int64_t count, DataType type,
                           ScaleKind scaleKind, ZeroKind zeroKind, bool isSigned, uint32_t seed) {
  GRID_STRIDE(i, count) {
    const uint32_t at = static_cast<uint32_t>(i) * 3u + seed;
    float s = 0.004f + 0.016f * uniform(at), z = 5.f + 5.f * uniform(at + 0x51ed27u);
    if (scaleKind == ScaleKind::Signs && mix(at + 7) & 1) s = -s;
    if (scaleKind == ScaleKind::Zero) s = 0.f;
    if (scaleKind == ScaleKind::Tiny) s *= 1e-4f;
    if (zeroKind == ZeroKind::Integer) z = static_cast<float>(mix(at + 9) & 15);
    if (zeroKind == ZeroKind::FarBelow) z = -20.f;
    if (zeroKind == ZeroKind::FarAbove) z = 100.f;
    if (zeroKind == ZeroKind::Wide) z = 160.f * uniform(at + 11) - 80.f;
    if (isSigned) z -= 8.f;
    scales[i] = static_cast<float>(rounded(type, s));
    zeros[i] = static_cast<float>(rounded(type, z));
  }
}
// Normally distributed, plus `mean`.
__global__ void fillActivations(void* x, DataType type, int64_t rows, int64_t cols, int64_t stride,
                                float mean, uint32_t seed) {
  GRID_STRIDE(i, rows * cols) {
    const uint32_t at = static_cast<uint32_t>(i) * 2u + seed;
    const float v = sqrtf(-2.f * logf(uniform(at))) * cosf(6.2831853f * uniform(at + 1)) + mean;
    storeAs(x, type, i / cols * stride + i % cols, v);
  }
}

// A weight in every form: interchange, packed, tables.
struct Weight {
  int64_t N = 0, K = 0, groupSize = 0;
  DataType type = DataType::BFloat16;
  bool isSigned = false;
  Buffer<uint8_t> codes, packed, params[2];  // by Encoding
  Buffer<float> scales, zeros, plain;

  // A power of two taken out of the scales, so that the checks meet one.
  float outScale() const { return type == DataType::Float16 ? 0x1p-12f : 1.f; }
  const uint8_t* table(Encoding encoding) const {
    return type == DataType::Float32 ? reinterpret_cast<const uint8_t*>(plain.get())
                                     : params[static_cast<int>(encoding)].get();
  }

  // The product of x [m, reduction] with this weight, rows without gaps, no bias, one type
  // throughout.
  FusedProblem product(const void* x, void* out, int64_t m, bool transposed,
                       Encoding encoding = Encoding::Midpoint) const {
    const int64_t features = transposed ? K : N, reduction = transposed ? N : K;
    return {packed.get(),
            table(encoding),
            x,
            out,
            nullptr,
            reduction,
            features,
            m,
            N,
            K,
            groupSize,
            type,
            type,
            type,
            transposed,
            outScale(),
            encoding};
  }

  void make(int64_t n, int64_t k, int64_t g, DataType t, bool s, ScaleKind scaleKind,
            ZeroKind zeroKind, uint32_t seed) {
    N = n, K = k, groupSize = g, type = t, isSigned = s;
    const w4a16::layout::ParamTable table(N, K, groupSize);
    const w4a16::layout::PackedExtent extent(N, K);
    codes.resize(N * K / 2), packed.resize(extent.bytes()), scales.resize(table.rows * N),
        zeros.resize(table.rows * N);
    for (auto& buffer : params) buffer.resize(table.bytes());
    plain.resize(table.plainBytes() / 4);
    fillCodes<<<gridFor(N * K / 2), 256>>>(codes.get(), N * K / 2, seed);
    fillParams<<<gridFor(table.rows * N), 256>>>(scales.get(), zeros.get(), table.rows * N, type,
                                                 scaleKind, zeroKind, isSigned, seed * 31 + 5);
    CUDA_CHECK(w4a16::launchRepack(codes.get(), packed.get(), N, K, isSigned, 0));
    CUDA_CHECK(w4a16::launchPlainParams(scales.get(), zeros.get(), plain.get(), type, N, K,
                                        groupSize, isSigned, 0));
    if (type == DataType::Float32) return;
    for (const Encoding encoding : {Encoding::Midpoint, Encoding::Zero})
      CUDA_CHECK(w4a16::launchParams(plain.get(), params[static_cast<int>(encoding)].get(),
                                     encoding, type, 1.f / outScale(), N, K, groupSize, 0));
  }
};

}  // namespace harness
