#include "runtime/stream.h"

namespace w4a16 {

void Stream::enqueue(std::unique_ptr<Operation> operation) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    queue_.push_back(std::move(operation));
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  }
  wake_.notify_one();
}

void Stream::abort(uint64_t id) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (running_ && running_->id == id) running_->aborted = true;
  for (auto& operation : queue_) {
    if (operation->id == id) operation->aborted = true;
  }
}

bool Stream::idle() {
  std::lock_guard<std::mutex> lock(mutex_);
  return queue_.empty() && !running_;
}

void Stream::drain() {
  std::unique_lock<std::mutex> lock(mutex_);
  drained_.wait(lock, [this] { return queue_.empty() && !running_; });
}

void Stream::stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    if (running_) running_->aborted = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

std::vector<std::unique_ptr<Operation>> Stream::takeReports() {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::unique_ptr<Operation>> taken = std::move(reports_);
  reports_.clear();
  if (!stopping_) return taken;
  for (auto& operation : queue_) {
    operation->aborted = true;
    if (operation->reports) taken.push_back(std::move(operation));
  }
  queue_.clear();
  return taken;
}

void Stream::work() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    std::unique_ptr<Operation> operation = std::move(queue_.front());
    queue_.pop_front();
    running_ = operation.get();
    lock.unlock();
    operation->run();
    const bool reports = operation->reports;
    lock.lock();
    running_ = nullptr;
    if (reports) reports_.push_back(std::move(operation));
    if (queue_.empty()) drained_.notify_all();
    lock.unlock();
    operation.reset();  // may free large buffers
    if (reports) onReport_();
    lock.lock();
  }
}

}  // namespace w4a16
