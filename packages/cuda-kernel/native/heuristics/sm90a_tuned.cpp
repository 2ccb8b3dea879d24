#include "sm90a_tuned.hpp"

#include <algorithm>

#include "sm90a_costs.hpp"

namespace w4a16::heuristics {

std::vector<sm90a::Plan> candidatePlans(const FusedProblem& p, int multiprocessors, float factor, size_t limit) {
  std::vector<sm90a::Plan> plans = estimatedPlans(p, multiprocessors);
  std::stable_sort(plans.begin(), plans.end(), [](const sm90a::Plan& a, const sm90a::Plan& b) { return a.microseconds < b.microseconds; });
  size_t count = 0;
  while (count < plans.size() && count < limit && plans[count].microseconds <= factor * plans.front().microseconds) count++;
  plans.resize(count);
  return plans;
}

sm90a::Plan chooseHopper(const FusedProblem& p, int multiprocessors, const std::vector<TunedPlan>& tuned) {
  for (const TunedPlan& t : tuned) {
    const bool covers = t.transposed == p.transposed && t.type == p.xType && t.firstM <= p.M && p.M <= t.lastM && t.N == p.N && t.K == p.K && t.groupSize == p.groupSize;
    if (covers && t.shape >= 0 && t.shape < sm90a::kShapeCount && t.parts >= 1 && t.parts <= kHopperMaxParts) return estimated(p, t.shape, t.parts, multiprocessors);
  }
  return chooseHopper(p, multiprocessors);
}

}  // namespace w4a16::heuristics
