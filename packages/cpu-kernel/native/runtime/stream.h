// A queue of operations run one after another on a thread of its own, like a GPU's stream: what is
// enqueued first is done first, and the enqueuing thread goes on.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace w4a16 {

struct Operation {
  virtual ~Operation() = default;
  virtual void run() = 0;

  uint64_t id = 0;
  bool reports = false;  // whether the owner wants to hear of the end
  std::atomic<bool> aborted{false};
};

class Stream {
 public:
  // `onReport` is called on the stream's thread after each operation that reports.
  explicit Stream(std::function<void()> onReport) : onReport_(std::move(onReport)) {}
  ~Stream() { stop(); }

  void enqueue(std::unique_ptr<Operation> operation);
  // Tells operation `id`, if it has not ended, to stop.
  void abort(uint64_t id);
  bool idle();
  // Returns when everything enqueued so far has run.
  void drain();
  // Aborts what has not ended and joins the thread. Nothing may be enqueued afterwards.
  void stop();
  // Operations that reported since the last call; after stop(), also those that never ran.
  std::vector<std::unique_ptr<Operation>> takeReports();

 private:
  void work();

  std::function<void()> onReport_;
  std::mutex mutex_;
  std::condition_variable wake_, drained_;
  std::deque<std::unique_ptr<Operation>> queue_;
  std::vector<std::unique_ptr<Operation>> reports_;
  Operation* running_ = nullptr;
  bool stopping_ = false;
  std::thread thread_;  // started by the first operation
};

}  // namespace w4a16
