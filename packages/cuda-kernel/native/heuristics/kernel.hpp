// Which of the two 16-bit kernels a product gets: the Hopper one where the device runs it, it takes
// the problem, and the portable one is not expected to be faster.
#pragma once
#include "choose.hpp"
#include "sm90a.hpp"

namespace w4a16::heuristics {

// What the caller asked for. Hopper: wherever it takes the problem, whatever the models say.
enum class Preference : int { Fastest = 0, Portable = 1, Hopper = 2 };

struct Kernel {
  Choice portable;
  sm90a::Plan hopper;
  // Why it is the portable kernel, in words for a user; null: it is `hopper`.
  const char* notHopper;
};

// Whether a plan's partial sums fit the workspace of sm80/launch.hpp.
bool fitsWorkspace(const sm90a::Plan& plan);

// Why no product on a device gets a Hopper kernel; null if some do.
const char* withoutHopper(int major, int minor, Preference preference);

// `refused`: why the Hopper kernels are out of the question, or null. Depends on the shape and
// `refused` only, not on types, addresses and strides. A Hopper plan fits the workspace of
// sm80/launch.hpp.
Kernel chooseKernel(const FusedProblem& problem, const char* refused, int arch, int multiprocessors,
                    Preference preference);

}  // namespace w4a16::heuristics
