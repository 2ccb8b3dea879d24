// Which tile and how many splits a product gets: the cheapest by an analytic model.
#pragma once
#include "../kernels/sm80/tiles.hpp"

namespace w4a16::heuristics {

struct Choice {
  int tile;
  int splits;
  float microseconds;  // the model's estimate
};

// `arch`: the compiled architecture, times ten; `sms`: multiprocessors of the device. Depends on
// nothing else, so a problem gets the same kernel, and the same bits, on every call.
Choice choose(const FusedProblem& problem, int arch, int sms);

}  // namespace w4a16::heuristics
