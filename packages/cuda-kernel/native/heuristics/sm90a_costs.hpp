// What the model knows of each Hopper shape, measured on an H100 SXM (bfloat16, G = 128, both directions, every
// shape at many M; results/).
#pragma once
#include "../kernels/sm90a/shapes.hpp"

namespace w4a16::heuristics {

struct HopperCost {
  float chunkNs;  // of a CTA over 64 of the reduction, all SMs busy
  float tileUs;   // beside that: pairs, exchanging sums; whole tiles, storing
};

constexpr HopperCost kHopperCosts[] = {
    {150, 1.0f}, {135, 1.6f}, {177, 1.6f}, {230, 1.2f},                                        // pairs 64 × 16, 32, 64, 96
    {275, 1.4f}, {326, 1.8f}, {359, 2.6f}, {450, 3.0f}, {505, 3.6f}, {560, 4.4f}, {620, 5.0f},  // pairs 128 × 64 .. 256
    {240, 0.3f}, {290, 0.4f}, {390, 0.8f}, {453, 0.9f}, {510, 1.0f}, {575, 1.1f}, {640, 1.2f},  // whole 128 × 32 .. 256
    {715, 1.4f}, {785, 1.6f},                                                                  // whole 128 × 288, 320
};
static_assert(sizeof(kHopperCosts) / sizeof(kHopperCosts[0]) == sm90a::kShapeCount, "one entry a shape");

constexpr float kHopperStartUs = 5.4f;      // an empty kernel between events, and until the first stage has landed
constexpr float kHopperPartUs = 1.5f;       // a part of a tile through the workspace
constexpr int kHopperMaxParts = 4;
constexpr float kHopperBytesPerUs = 2.6e6f; // device memory
// Up to so many tokens loading is the limit: CTAs of a last, ragged wave then run faster for being few.
constexpr int kHopperLoadingTokens = 32;

}  // namespace w4a16::heuristics
