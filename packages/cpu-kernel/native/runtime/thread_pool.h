// Persistent worker threads for data-parallel loops.
//
// Work is handed out by task index, so what a task computes never depends on the number of threads.
// A worker without work looks for more for a few microseconds, which bridges the phases of one
// product, and then sleeps on a futex-backed condition variable: an idle pool uses no CPU.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace w4a16 {

class ThreadPool {
 public:
  // `threads` counts the caller, who takes part in every run. Throws std::system_error if the
  // system refuses a thread.
  explicit ThreadPool(size_t threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  size_t threads() const { return workers_.size() + 1; }

  // Runs f(task, worker) for each task in [0, tasks), worker in [0, threads()), and returns when
  // all are done. One run at a time: callers take turns.
  template <class F>
  void run(size_t tasks, F&& f) {
    using Function = std::remove_reference_t<F>;
    if (tasks <= 1 || workers_.empty()) {
      for (size_t task = 0; task < tasks; task++) f(task, size_t{0});
      return;
    }
    dispatch(
        tasks,
        [](void* context, size_t task, size_t worker) {
          (*static_cast<Function*>(context))(task, worker);
        },
        const_cast<void*>(static_cast<const void*>(&f)));
  }

 private:
  using Call = void (*)(void* context, size_t task, size_t worker);

  void stop();
  void dispatch(size_t tasks, Call call, void* context);
  void work(size_t worker);
  void keepOffThisCpu();
  void takeTasks(size_t worker);
  bool waitForRun(uint64_t& seen);
  bool join();
  void leave();

  std::vector<std::thread> workers_;
  std::mutex runs_;  // held for the length of a run
  int avoidedCpu_ = -1;

  std::mutex mutex_;  // guards what follows, except for looking while spinning
  std::condition_variable wake_;
  std::condition_variable left_;
  std::atomic<uint64_t> generation_{0};  // counts runs
  std::atomic<size_t> inside_{0};        // workers taking part in the run
  bool open_ = false;                    // whether a worker may still join it
  bool stopping_ = false;

  // The run in progress; constant while a worker is inside.
  Call call_ = nullptr;
  void* context_ = nullptr;
  size_t tasks_ = 0;
  std::atomic<size_t> next_{0};
};

}  // namespace w4a16
