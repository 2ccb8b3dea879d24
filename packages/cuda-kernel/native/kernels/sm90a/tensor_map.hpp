// The tensor maps of a product's activations and output, for the copy engine.
#pragma once
#include <cuda.h>
#include <cuda_runtime_api.h>

#include "shapes.hpp"

namespace w4a16::sm90a {

// Whether one copy brings a whole stage: [reduction / 64][M][64], else a copy brings 64 of
// [M][reduction]. The first form would read past a row's end where 64 does not divide the
// reduction.
bool boxedActivations(const FusedProblem& problem);

// Tokens that one copy brings.
int activationRows(const FusedProblem& problem, const Shape& shape);

// Elements outside of x arrive as zeros.
cudaError_t mapActivations(const FusedProblem& problem, const Shape& shape, CUtensorMap* map);

// The output of a Whole shape, in boxes of 64 features by boxTokens().
cudaError_t mapOutput(const FusedProblem& problem, const Shape& shape, CUtensorMap* map);

}  // namespace w4a16::sm90a
