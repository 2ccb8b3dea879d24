// What the model knows of each Hopper shape, measured on an H100 SXM (bfloat16, G = 128, both directions, every
// shape at many M; results/).
#pragma once
#include "../kernels/sm90a/shapes.hpp"

namespace w4a16::heuristics {

struct HopperCost {
  float chunkNs;  // of a CTA over 64 of the reduction, all SMs busy
  float tileUs;   // beside that: pairs, exchanging sums; whole tiles, storing
};

constexpr HopperCost kHopperCosts[][2] = {  // forward, transposed
    // pairs: 64 × 16, 64 × 16 two to a multiprocessor, 64 × 32, 64, 96
    {{148, 1.2f}, {125, 1.6f}}, {{180, 1.6f}, {180, 1.6f}}, {{147, 1.6f}, {129, 2.1f}}, {{185, 1.1f}, {170, 1.5f}}, {{235, 1.3f}, {225, 1.6f}},
    // pairs: 128 × 64, 96, 128, 160, 192, 224, 256
    {{273, 1.5f}, {289, 1.8f}}, {{320, 2.2f}, {331, 2.8f}}, {{372, 2.6f}, {383, 3.0f}}, {{450, 3.2f}, {470, 3.4f}},
    {{510, 3.8f}, {530, 4.0f}}, {{565, 4.8f}, {580, 5.0f}}, {{665, 4.2f}, {675, 4.2f}},
    // whole: 128 × 32, 64, 128, 144, 160, 176, 192, 208, 224, 240, 256, 272, 288, 320
    {{229, 0.3f}, {235, 1.2f}}, {{273, 0.2f}, {286, 1.2f}}, {{392, 0.6f}, {405, 0.6f}}, {{415, 1.0f}, {430, 1.0f}}, {{447, 1.5f}, {470, 1.5f}},
    {{490, 1.2f}, {510, 1.2f}}, {{535, 1.0f}, {550, 1.0f}}, {{572, 1.1f}, {588, 1.1f}}, {{610, 1.2f}, {625, 1.2f}}, {{650, 1.4f}, {660, 1.4f}},
    {{690, 1.6f}, {700, 1.6f}}, {{728, 1.6f}, {740, 1.6f}}, {{765, 1.6f}, {780, 1.6f}}, {{835, 2.5f}, {850, 2.5f}},
};
static_assert(sizeof(kHopperCosts) / sizeof(kHopperCosts[0]) == sm90a::kShapeCount, "one entry a shape");

constexpr float kHopperStartUs = 5.4f;      // an empty kernel between events, and until the first stage has landed
constexpr float kHopperPartUs = 1.5f;       // a part of a tile through the workspace
constexpr int kHopperMaxParts = 4;
constexpr float kHopperBytesPerUs = 2.6e6f; // device memory
// Up to so many tokens loading is the limit: CTAs of a last, ragged wave then run faster for being few.
constexpr int kHopperLoadingTokens = 32;

}  // namespace w4a16::heuristics
