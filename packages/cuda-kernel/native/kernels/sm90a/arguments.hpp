// The argument block of the Hopper kernels, made by launch.cpp from a FusedProblem.
#pragma once
#include "../common/fast_divisor.hpp"
#include "../fused_problem.hpp"
#include "schedule.hpp"

namespace w4a16::sm90a {

// Token tiles that are visited together (whole.cuh).
constexpr int kBand = 8;

// Every launch finds its arguments in memory, not in a cache, and a kernel waits half a microsecond
// for each 64 bytes that it turns out to need. So what the loading warps start with comes first,
// and the rest in the order of use.
struct alignas(64) Arguments {
  const uint8_t* packed;
  const uint8_t* params;
  int chunks;        // 64s along the reduction
  int featureTiles;  // 64s along the features
  int tilesN;  // super-tiles along N in the packed buffer; a row of the parameter table is as many
               // runs
  int paramRows;
  FastDivisor group;   // units (64 / paramUnits of K) to a group
  FastDivisor across;  // by tilesAcross
  int tilesAcross;     // output tiles along the features
  int xRows;    // tokens that one copy of activations brings: no more than there are, in eights
  bool xBoxed;  // the tensor map of x is [reduction / 64][M][64], one load a stage; else
                // [1][M][reduction]

  // Whole only
  alignas(64) Schedule schedule;
  FastDivisor bandTiles, lastBand;  // by the tiles of a band, by the token tiles of the last one
  int bands, lastHeight;            // bands, token tiles of the last one

  // epilogues
  alignas(64) void* out;
  const void* bias;
  float* workspace;    // Whole with a tail in parts: partial tiles
  uint32_t* counters;  // and their flags, zero between launches
  int64_t outStride;   // elements
  int tokens, features;
  float outScale;  // multiplies the sums before the bias
  DataType outType, biasType;
  bool outVector;  // 16-bit rows of out, 16-byte aligned
};

}  // namespace w4a16::sm90a
