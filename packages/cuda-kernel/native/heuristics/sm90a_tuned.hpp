// Choosing a Hopper kernel by measurements from outside: which plans are worth measuring for a product, and
// how what was measured takes precedence over the model.
#pragma once
#include <vector>

#include "sm90a.hpp"

namespace w4a16::heuristics {

// A measured choice, for every M from firstM to lastM.
struct TunedPlan {
  bool transposed;
  DataType type;  // of the activations
  int64_t firstM, lastM, N, K, groupSize;
  int shape, parts;  // as in sm90a::makePlan()
};

// The plans whose estimates are within `factor` of the cheapest, cheapest first, at most `limit`: the model is off by
// a few percent, so the fastest is among a few. Each can be launched as it is; sm90a::nameOf() names it.
std::vector<sm90a::Plan> candidatePlans(const FusedProblem& problem, int multiprocessors, float factor = 1.15f, size_t limit = 6);

// The plan of the first entry that covers the problem; the model's choice if none does, or if the entry's plan
// is none of this build's (a shape that does not exist). Reads nothing but its arguments.
sm90a::Plan chooseHopper(const FusedProblem& problem, int multiprocessors, const std::vector<TunedPlan>& tuned);

}  // namespace w4a16::heuristics
