// An open device: a kernel, its threads, its stream, and what its handles hold.
#pragma once

#include <memory>

#include "layout/packed_weight.h"
#include "runtime/matmul.h"
#include "runtime/storage.h"
#include "runtime/stream.h"

namespace w4a16 {

// Bytes held by live handles.
struct Ledger {
  std::atomic<int64_t> weights{0}, tensors{0};
};

struct Engine {
  Engine(const Kernel& kernel, size_t threads, Precision precision, std::function<void()> onReport)
      : kernel(kernel), precision(precision), pool(threads), stream(std::move(onReport)) {}

  const Kernel kernel;
  const Precision precision;
  const std::shared_ptr<Ledger> ledger = std::make_shared<Ledger>();
  ThreadPool pool;
  Workspace workspace;  // used in stream order only
  Stream stream;        // last, so that it stops first
};

// Y = X·Wᵀ or dX = dY·W between storages, on the engine's threads.
struct MatmulOperation final : Operation {
  Engine* engine = nullptr;
  std::shared_ptr<PackedWeight> weight;
  std::shared_ptr<Storage> x, out, bias;
  Rows xRows{}, outRows{}, biasRows{};
  Matmul call{};
  void run() override;
};

// Copies rows of bytes into a storage.
struct WriteOperation final : Operation {
  std::shared_ptr<Storage> storage;
  Rows rows{};
  AlignedBuffer bytes;
  void run() override;
};

}  // namespace w4a16
