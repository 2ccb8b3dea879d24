// Page-locked blocks for copies between JavaScript's memory and the device's.
#pragma once
#include <cuda_runtime_api.h>

#include <memory>
#include <mutex>
#include <vector>

namespace w4a16 {

// A block and the event that says when its copy is done.
struct StagingBlock {
  void* data = nullptr;
  size_t capacity = 0;
  cudaEvent_t done = nullptr;

  StagingBlock(size_t bytes);
  ~StagingBlock();
  StagingBlock(const StagingBlock&) = delete;
  StagingBlock& operator=(const StagingBlock&) = delete;
};

// Blocks are kept for the next copy of their size. Uploads return theirs at once, with the copy
// under way: it is reused when its event has passed. Any thread may call.
class StagingPool {
 public:
  std::unique_ptr<StagingBlock> acquire(size_t bytes);
  void giveBack(std::unique_ptr<StagingBlock> block);

 private:
  static constexpr size_t kKeptBytes = 256 << 20;
  std::mutex mutex_;
  std::vector<std::unique_ptr<StagingBlock>> free_;
  size_t kept_ = 0;
};

}  // namespace w4a16
