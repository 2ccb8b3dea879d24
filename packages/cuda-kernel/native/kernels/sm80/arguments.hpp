// The fused kernel's argument block, made by launch.cpp from a FusedProblem.
#pragma once
#include "../common/fast_divisor.hpp"
#include "../fused_problem.hpp"

namespace w4a16::sm80 {

// Output tiles are visited in bands of kBand token tiles, features outermost within a band: CTAs
// that run together then share activations as well as weights in L2.
constexpr int kBand = 8;

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
  FastDivisor bandTiles;            // of tiles to a band
  FastDivisor lastBand;             // of token tiles in the last band
  int splits;
  FastDivisor bySplits;
  int paramRows;
  uint32_t paramRowBytes;
  int entriesPerRow;
  int chunksPerGroup;  // Coarse, forward: super-tiles along the reduction to a group
  FastDivisor group;   // of super-tiles (Coarse), blocks (Fine) or elements (Element) to a group
  float outScale;
  DataType outType, biasType;
  bool xAligned;    // 16-byte aligned rows of ordinary length: copies may be asynchronous
  bool paired;      // sm_90: the two CTAs of a tile are a cluster
  bool outAligned;  // rows of a 16-bit type aligned for 16-byte stores
};

}  // namespace w4a16::sm80
