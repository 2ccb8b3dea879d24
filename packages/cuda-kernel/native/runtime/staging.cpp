#include "staging.hpp"

#include "error.hpp"

namespace w4a16 {

StagingBlock::StagingBlock(size_t bytes) : capacity(bytes) {
  check(cudaEventCreateWithFlags(&done, cudaEventDisableTiming | cudaEventBlockingSync),
        "creating an event");
  const cudaError_t error = cudaHostAlloc(&data, bytes, cudaHostAllocDefault);
  if (error == cudaSuccess) return;
  cudaEventDestroy(done);
  check(error, "allocating page-locked memory");
}

StagingBlock::~StagingBlock() {
  cudaEventSynchronize(done);
  cudaEventDestroy(done);
  cudaFreeHost(data);
  cudaGetLastError();  // must not fail the next launch
}

std::unique_ptr<StagingBlock> StagingPool::acquire(size_t bytes) {
  size_t capacity = 64 << 10;
  while (capacity < bytes) capacity *= 2;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (auto& block : free_) {
      if (block->capacity != capacity || cudaEventQuery(block->done) != cudaSuccess) continue;
      std::unique_ptr<StagingBlock> found = std::move(block);
      block = std::move(free_.back());
      free_.pop_back();
      kept_ -= capacity;
      cudaGetLastError();  // an event that is not ready is no error
      return found;
    }
  }
  cudaGetLastError();
  return std::make_unique<StagingBlock>(capacity);
}

void StagingPool::giveBack(std::unique_ptr<StagingBlock> block) {
  std::unique_ptr<StagingBlock> dropped;  // destroyed outside the lock: it may wait for a copy
  const std::lock_guard<std::mutex> lock(mutex_);
  if (kept_ + block->capacity > kKeptBytes) {
    dropped = std::move(block);
    return;
  }
  kept_ += block->capacity;
  free_.push_back(std::move(block));
}

}  // namespace w4a16
