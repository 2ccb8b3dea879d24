// Host side of the Hopper kernels: what they take, what a plan needs, its launch.
#pragma once
#include <cuda_runtime_api.h>

#include <array>
#include <cstddef>
#include <string>

#include "schedule.hpp"
#include "shapes.hpp"

namespace w4a16::sm90a {

// Instantiated kernels, [shape][paramUnits − 1], one table per activation type, direction and
// encoding of the parameters.
using KernelTable = std::array<std::array<const void*, 2>, kShapeCount>;
const KernelTable& kFloat16Forward();
const KernelTable& kFloat16Transposed();
const KernelTable& kBFloat16Forward();
const KernelTable& kBFloat16Transposed();
const KernelTable& kFloat16ForwardZeros();
const KernelTable& kFloat16TransposedZeros();
const KernelTable& kBFloat16ForwardZeros();
const KernelTable& kBFloat16TransposedZeros();

// Which kernel a call uses.
struct Plan {
  int shape;           // index into kShapes
  Schedule schedule;   // Family::Whole
  float microseconds;  // the model's estimate
};

// Whether the build has these kernels. They run on devices of compute capability 9.0 and nothing
// else.
bool built();

// Why these kernels do not take a problem, in words for a user; null if they do.
const char* unsupported(const FusedProblem& problem);

// As in "pair 128x192" (features × tokens of a tile) or "whole 128x256, last wave in 2 parts".
std::string nameOf(const Plan& plan);

// A plan of one shape. `parts` > 1: cut the tiles of a Whole shape's last wave into so many, where
// that many CTAs are idle in it; otherwise it has no effect.
Plan makePlan(const FusedProblem& problem, int shape, int parts, int multiprocessors);

// Scratch memory of a plan: for one launch at a time, so one for each stream. The counters must be
// zero at the first launch; every launch leaves them zero.
size_t workspaceBytes(const Plan& plan);
size_t counterCount(const Plan& plan);

// Enqueues the product on the current device. M = 0 enqueues nothing.
cudaError_t launchFused(const FusedProblem& problem, const Plan& plan, float* workspace,
                        uint32_t* counters, cudaStream_t stream);

}  // namespace w4a16::sm90a
