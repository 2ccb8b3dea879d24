// The fused kernel's argument block, made by launch.cpp from a FusedProblem.
#pragma once
#include "../common/fast_divisor.hpp"
#include "../fused_problem.hpp"

namespace w4a16::sm80 {

struct FusedArguments {
  const uint8_t* packed;
  const uint8_t* params;
  const void* x;
  void* out;
  const void* bias;
  float* workspace;
  uint32_t* counters;
  int64_t xStride, outStride;       // elements
  int tokens, features, reduction;  // M; N or K; K or N
  int tilesN;                       // super-tiles along N in the packed buffer
  int featureTiles64, chunks;       // super-tiles along the features and the reduction
  int tilesAcross;                  // output tiles along the features
  int tilesDown;                    // output tiles along the tokens
  int splits;
  int paramRows;
  uint32_t paramRowBytes;
  int entriesPerRow;
  int chunksPerGroup;  // Coarse, forward: super-tiles along the reduction to a group
  FastDivisor group;   // of super-tiles (Coarse), blocks (Fine) or elements (Element) to a group
  float outScale;
  DataType outType, biasType;
  bool xAligned;    // 16-byte aligned rows of ordinary length: copies may be asynchronous
  bool outAligned;  // rows aligned for 16-byte stores
};

}  // namespace w4a16::sm80
