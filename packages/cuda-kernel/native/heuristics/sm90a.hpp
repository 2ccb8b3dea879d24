// Which Hopper kernel a product gets: the cheapest plan by an analytic model over a static table.
#pragma once
#include "../kernels/sm90a/launch.hpp"

namespace w4a16::heuristics {

// A plan of one shape with the model's estimate. `parts` as in sm90a::makePlan().
sm90a::Plan estimated(const FusedProblem& problem, int shape, int parts, int multiprocessors);

// The cheapest plan. Depends on nothing but the problem and the device's size, so a problem gets
// the same kernel, and the same bits, on every call. The problem is one that sm90a::unsupported()
// lets pass.
sm90a::Plan chooseHopper(const FusedProblem& problem, int multiprocessors);

}  // namespace w4a16::heuristics
