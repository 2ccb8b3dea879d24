// What a fused product is asked to do, as the host hands it to a kernel.
#pragma once
#include <cstdint>

namespace w4a16 {

enum class DataType : int { Float16 = 0, BFloat16 = 1, Float32 = 2 };
constexpr int dataTypeBytes(DataType t) {
  return t == DataType::Float32 ? 4 : 2;
}

// How groups lie against the 64 × 64 super-tiles; decides how parameters are fetched.
enum class Grouping : int {
  Coarse = 0,  // one group, or G a multiple of 64: one group to a super-tile
  Fine = 1,    // G a multiple of 16: one group to a block
  Element = 2  // any other G: looked up element by element (correct, not fast)
};
constexpr Grouping groupingOf(int64_t groupSize, int64_t k) {
  return groupSize == k || groupSize % 64 == 0 ? Grouping::Coarse
         : groupSize % 16 == 0                 ? Grouping::Fine
                                               : Grouping::Element;
}

// The two tables of scales and zero points that a 16-bit product may read.
enum class Encoding : int {
  Midpoint = 0,  // layout/params.hpp: any zero points
  Zero = 1       // layout/hopper_params.hpp: zero points that are numbers of the type; sm_90a only
};

// out[m, f] = Σ_r x[m, r] · A[f, r] + bias[f], with A = W (forward: features N,
// reduction K) or Wᵀ (transposed: features K, reduction N).
struct FusedProblem {
  const uint8_t* packed;  // layout/quads.hpp
  const uint8_t* params;  // of the activation dtype, in `encoding`
  const void* x;          // [M, reduction], rows xStride elements apart
  void* out;              // [M, features], rows outStride elements apart
  const void* bias;       // [features] or null
  int64_t xStride, outStride;
  int64_t M, N, K, groupSize;
  DataType xType, outType, biasType;
  bool transposed;
  // Multiplies the sum before the bias: a power of two taken out of float16 scales.
  float outScale = 1.f;
  Encoding encoding = Encoding::Midpoint;
};

// One kernel's share of the choice (heuristics/) and its scratch memory.
struct FusedPlan {
  int tile;            // index into kTiles
  int splits;          // CTAs that share one output tile's reduction
  float* workspace;    // splits > 1: partial tiles, planWorkspaceBytes()
  uint32_t* counters;  // splits > 1: one a tile, zero between launches
};

}  // namespace w4a16
