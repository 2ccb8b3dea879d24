// What the model knows of each Hopper shape, measured on an H100 SXM at N = K = 4096, G = 128, bfloat16.
#pragma once
#include "../kernels/sm90a/shapes.hpp"

namespace w4a16::heuristics {

struct HopperCost {
  float chunkCycles;  // of a CTA over 64 of the reduction, all SMs busy
  float tileUs;       // beside that: pairs, filling the ring and exchanging sums; whole tiles, storing
};

constexpr HopperCost kHopperCosts[] = {
    {75, 3.0f},   {190, 3.2f},  {250, 3.3f},  {330, 3.4f},                              // 64 × 16, 32, 64, 96, pairs
    {450, 3.0f},  {521, 3.3f},  {587, 3.7f},  {775, 4.0f},  {828, 4.5f},  {965, 5.0f},  {1056, 5.3f},  // 128 × 64 .. 256, pairs
    {450, 0.4f},  {648, 0.6f},  {775, 0.8f},  {835, 0.9f},  {960, 1.0f},  {1079, 1.2f},  {1210, 1.3f},  {1340, 1.4f},  // 128 × 64 .. 320, whole
};
static_assert(sizeof(kHopperCosts) / sizeof(kHopperCosts[0]) == sm90a::kShapeCount, "one entry a shape");

constexpr float kHopperLaunchUs = 3.4f;     // an empty kernel, between events
constexpr float kHopperStartUs = 2.0f;      // until the first stage has landed
constexpr float kHopperPartUs = 1.5f;       // a part of a tile through the workspace
constexpr int kHopperMaxParts = 4;
constexpr float kHopperGhz = 1.70f;         // under load
constexpr float kHopperBytesPerUs = 2.6e6f; // device memory

}  // namespace w4a16::heuristics
