// The kernels of this build, and which path of a kernel computes a given product.
#pragma once

#include <string>
#include <vector>

#include "kernels/job.h"
#include "runtime/cpu.h"

namespace w4a16 {

// A kernel: the paths of one instruction set. A null path is one it lacks.
struct Kernel {
  const char* name;
  const Path* floating;
  const Path* fixed;
  const Path* fixedTransposed;
  const Path* bfloat16;
  const Path* bfloat16Transposed;
  bool supported;  // by this CPU
};

// Every kernel compiled in, best first.
std::vector<Kernel> kernels();

// What the caller asked of accuracy: that of the activations' format, or bfloat16's at any format.
enum class Precision : uint8_t { kActivations, kBFloat16 };

// The path of forward products by weights that have nothing special about them.
const Path& forwardPath(const Kernel&, DType x, Precision);

const Path& choosePath(const Kernel&, const WeightView&, bool transposed, DType x, Precision);

}  // namespace w4a16
