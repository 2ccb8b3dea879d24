// The argument block of the Hopper kernels, made by launch.cpp from a FusedProblem.
#pragma once
#include "../common/fast_divisor.hpp"
#include "../fused_problem.hpp"
#include "schedule.hpp"

namespace w4a16::sm90a {

struct Arguments {
  const uint8_t* packed;
  const uint8_t* params;
  void* out;
  const void* bias;
  float* workspace;       // Whole with a tail in parts: partial tiles
  uint32_t* counters;     // and their flags, zero between launches
  int64_t outStride;      // elements
  int64_t paramRowBytes;
  int tokens, features;
  int chunks;             // 64s along the reduction
  int featureTiles;       // 64s along the features
  int tilesN;             // super-tiles along N in the packed buffer
  int paramRows;
  int tilesAcross;        // output tiles along the features
  FastDivisor group;      // units (64 / paramUnits of K) to a group
  Schedule schedule;      // Whole only
  float outScale;         // multiplies the sums before the bias
  DataType outType, biasType;
  bool outVector;         // 16-bit rows of out, 16-byte aligned
  int xRows;              // tokens that one copy of activations brings: no more than there are, in eights
  bool xBoxed;            // the tensor map of x is [reduction / 64][M][64], one load a stage; else [1][M][reduction]
};

}  // namespace w4a16::sm90a
