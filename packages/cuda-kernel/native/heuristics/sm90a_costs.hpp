// What the model knows of each Hopper shape, measured on an H100 SXM (bfloat16, G = 128, both
// directions, every shape at many M) and fitted (scripts/hopper-fit.mjs) to runs before the one
// that results/hopper-shapes.json holds: a fit to that one differs by a few percent. By hand: 64 ×
// 16 two to a multiprocessor, so that it is chosen where it was faster, and 288 and 320 tokens 2
// and 3.5% slower than fitted, which they are at the power limit.
#pragma once
#include "../kernels/sm90a/shapes.hpp"

namespace w4a16::heuristics {

struct HopperCost {
  float chunkNs;  // of a CTA over 64 of the reduction, all SMs busy
  float tileUs;   // beside that: pairs, exchanging sums; whole tiles, storing
};

constexpr HopperCost kHopperCosts[][2] = {
    // forward, transposed
    // pairs: 64 × 16, 64 × 16 two to a multiprocessor, 64 × 32, 64, 96
    {{141, 1.5f}, {139, 1.6f}},
    {{302, 1.2f}, {298, 1.2f}},
    {{139, 2.1f}, {138, 2.1f}},
    {{173, 1.3f}, {167, 1.8f}},
    {{223, 1.5f}, {218, 2.0f}},
    // pairs: 128 × 64, 96, 128, 160, 192, 224, 256
    {{262, 1.7f}, {271, 2.2f}},
    {{307, 2.2f}, {304, 3.1f}},
    {{358, 3.0f}, {361, 3.3f}},
    {{445, 2.9f}, {426, 4.0f}},
    {{504, 3.1f}, {497, 3.8f}},
    {{577, 3.6f}, {574, 3.8f}},
    {{655, 3.1f}, {646, 3.5f}},
    // whole: 128 × 32, 64, 128, 144, 152, 160, 168, 176, 184, 192, 200, 208, 224, 240, 256, 272,
    // 288,
    // 320
    {{203, 0.8f}, {223, 1.3f}},
    {{248, 0.7f}, {266, 1.3f}},
    {{392, 0.2f}, {405, 0.2f}},
    {{405, 0.3f}, {423, 1.0f}},
    {{417, 0.3f}, {431, 1.1f}},
    {{429, 0.3f}, {440, 1.1f}},
    {{441, 0.3f}, {460, 0.8f}},
    {{452, 0.2f}, {480, 0.4f}},
    {{476, 0.2f}, {497, 0.3f}},
    {{499, 0.2f}, {514, 0.2f}},
    {{521, 0.2f}, {545, 0.2f}},
    {{543, 0.2f}, {570, 0.2f}},
    {{582, 0.2f}, {602, 0.2f}},
    {{620, 0.2f}, {637, 0.2f}},
    {{667, 0.2f}, {671, 0.2f}},
    {{708, 0.2f}, {709, 0.2f}},
    {{758, 0.2f}, {768, 0.2f}},
    {{852, 0.2f}, {857, 0.2f}},
};
static_assert(sizeof(kHopperCosts) / sizeof(kHopperCosts[0]) == sm90a::kShapeCount,
              "one entry a shape");

constexpr float kHopperStartUs =
    5.0f;  // an empty kernel between events, and until the first stage has landed
constexpr float kHopperPartUs = 2.5f;  // a part of a tile through the workspace
constexpr int kHopperMaxParts = 4;
constexpr float kHopperBytesPerUs = 2.6e6f;  // device memory
// Up to so many tokens loading is the limit: CTAs of a last, ragged wave then run faster for being
// few.
constexpr int kHopperLoadingTokens = 32;

}  // namespace w4a16::heuristics
