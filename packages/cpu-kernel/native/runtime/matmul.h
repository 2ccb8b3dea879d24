// Runs one product: cuts it into tasks, packs activations, computes.
#pragma once

#include <atomic>
#include <vector>

#include "layout/aligned_buffer.h"
#include "runtime/kernel_set.h"
#include "runtime/thread_pool.h"

namespace w4a16 {

struct Matmul {
  const WeightView* weight;
  bool transposed;
  DType xType, outType;
  Precision precision;
  size_t rows;
  const void* x;
  size_t xStride;
  void* out;
  size_t outStride;
  const void* bias;  // of biasType, one for each output column, or null
  DType biasType;
};

// kClosed: the device was closed before the operation could run.
enum class Outcome : uint8_t { kDone, kAborted, kOutOfMemory, kClosed };

// Buffers that products of one device reuse. Not shared by concurrent products.
class Workspace {
  friend class Product;
  AlignedBuffer packed_, rowClass_, order_, bias_, scratch_;
};

// `aborted` is looked at before every task.
Outcome runMatmul(const Matmul&, const Kernel&, ThreadPool&, Workspace&,
                  const std::atomic<bool>& aborted);

}  // namespace w4a16
