// Which tile and how many splits a product gets: the cheapest by an analytic model.
#pragma once
#include "../kernels/sm80/tiles.hpp"

namespace w4a16::heuristics {

struct Choice {
  int tile;
  int splits;
  float microseconds;  // the model's estimate
};

// Into how many parts a reduction may be split.
constexpr int kSplits[] = {1, 2, 3, 4, 6, 8};

// The model: microseconds of one tile and number of splits.
float estimate(const FusedProblem& problem, int tile, int splits, int arch, int sms);

// `arch`: the compiled architecture, times ten; `sms`: multiprocessors of the device. Depends on
// nothing else, so a problem gets the same kernel, and the same bits, on every call.
Choice choose(const FusedProblem& problem, int arch, int sms);

// What no kernel can beat: every operand read or written once at the card's memory rate, or the
// arithmetic at its tensor peak, whichever takes longer. Microseconds. What harness/ measures
// kernels against.
float floorMicroseconds(const FusedProblem& problem, int arch);

}  // namespace w4a16::heuristics
