#include "sm90a.hpp"

#include <algorithm>

#include "devices.hpp"
#include "sm90a_costs.hpp"

namespace w4a16::heuristics {

using sm90a::Family;
using sm90a::kShapes;
using sm90a::Plan;

Plan estimated(const FusedProblem& p, int shape, int parts, int multiprocessors) {
  Plan plan = sm90a::makePlan(p, shape, parts, multiprocessors);
  const sm90a::Shape& s = kShapes[shape];
  const HopperCost& cost = kHopperCosts[shape][p.transposed];
  const int64_t features = p.transposed ? p.K : p.N, reduction = p.transposed ? p.N : p.K;
  const float chunks = static_cast<float>(ceilDiv<int64_t>(reduction, 64));
  float us;
  if (s.family == Family::Pair) {
    const int64_t tiles =
                      ceilDiv<int64_t>(features, s.features()) * ceilDiv<int64_t>(p.M, s.tokens),
                  atOnce = multiprocessors * s.perSM / 2;
    const float waves = s.tokens <= kHopperLoadingTokens
                            ? std::max(1.f / s.perSM, static_cast<float>(tiles) / atOnce)
                            : static_cast<float>(ceilDiv(tiles, atOnce));
    us = waves * (chunks / 2 * cost.chunkNs / 1000 + cost.tileUs);
  } else {
    const sm90a::Schedule& d = plan.schedule;
    const float tileUs = chunks * cost.chunkNs / 1000 + cost.tileUs;
    us = static_cast<float>(ceilDiv(d.direct, d.ctas)) * tileUs;
    if (d.parts > 1)
      us += static_cast<float>(d.firstPart) / d.stages * tileUs + kHopperPartUs * d.parts;
  }
  const float bytes = kBytesPerWeightElement * p.N * p.K + 2.f * p.M * (reduction + features);
  plan.microseconds = kHopperStartUs + std::max(us, bytes / kHopperBytesPerUs);
  return plan;
}

namespace {

// Where loading is the limit, parts of tiles load no faster.
int maxParts(const sm90a::Shape& s) {
  return s.family == Family::Whole && s.tokens > kHopperLoadingTokens ? kHopperMaxParts : 1;
}

}  // namespace

Plan chooseHopper(const FusedProblem& p, int multiprocessors) {
  Plan best{};
  for (int shape = 0; shape < sm90a::kShapeCount; shape++) {
    const bool padding =
        kShapes[shape].tokens > kHopperLoadingTokens && kShapes[shape].tokens >= 2 * p.M;  // mostly
    if (padding) continue;
    for (int parts = 1; parts <= maxParts(kShapes[shape]); parts++) {
      const Plan plan = estimated(p, shape, parts, multiprocessors);
      if (plan.schedule.parts == parts &&
          (best.microseconds == 0.f || plan.microseconds < best.microseconds))
        best = plan;
    }
  }
  return best;
}

}  // namespace w4a16::heuristics
