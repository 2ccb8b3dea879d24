// What tuning measures: every kernel that could compute a product and might be the fastest.
#pragma once
#include <string>
#include <vector>

#include "kernel.hpp"

namespace w4a16::heuristics {

struct Candidate {
  std::string name;  // of the kernel, its tile and how the reduction is shared out; unique among a
                     // problem's candidates
  Kernel kernel;
  float microseconds;  // the model's estimate
};

// The name of the kernel that a product gets.
std::string nameOf(const Kernel& kernel);

// Arguments as chooseKernel()'s, whose choice comes first; then by the model's estimate, up to a
// few times the best.
std::vector<Candidate> candidates(const FusedProblem& problem, const char* refused, int arch,
                                  int multiprocessors, Preference preference);

}  // namespace w4a16::heuristics
