#include "runtime/thread_pool.h"

#include <chrono>

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#endif

namespace w4a16 {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kSpin = std::chrono::microseconds(30);

inline void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Looks at `ready` for a short, bounded time.
template <class Ready>
bool spinUntil(Ready ready) {
  const auto end = Clock::now() + kSpin;
  do {
    for (int i = 0; i < 32; i++) {
      if (ready()) return true;
      pause();
    }
  } while (Clock::now() < end);
  return ready();
}

}  // namespace

ThreadPool::ThreadPool(size_t threads) {
  try {
    for (size_t i = 1; i < threads; i++) workers_.emplace_back([this, i] { work(i); });
  } catch (...) {  // the system gives no more threads; those it gave must end first
    stop();
    throw;
  }
}

ThreadPool::~ThreadPool() {
  stop();
}

void ThreadPool::stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    generation_++;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::takeTasks(size_t worker) {
  for (size_t task; (task = next_.fetch_add(1, std::memory_order_relaxed)) < tasks_;) {
    call_(context_, task, worker);
  }
}

// A sleeping worker tends to be woken on its waker's CPU, where it waits for the waker: a few
// milliseconds, longer than most products. So workers of a small pool keep off that CPU.
void ThreadPool::keepOffThisCpu() {
#if defined(__linux__)
  constexpr size_t kSmallPool = 8;
  const int cpu = sched_getcpu();
  if (cpu < 0 || cpu == avoidedCpu_ || threads() > kSmallPool) return;
  avoidedCpu_ = cpu;
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  CPU_CLR(size_t(cpu), &allowed);
  if (CPU_COUNT(&allowed) == 0) return;
  for (std::thread& worker : workers_) {
    pthread_setaffinity_np(worker.native_handle(), sizeof allowed, &allowed);
  }
#endif
}

void ThreadPool::dispatch(size_t tasks, Call call, void* context) {
  std::lock_guard<std::mutex> turn(runs_);
  keepOffThisCpu();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    call_ = call;
    context_ = context;
    tasks_ = tasks;
    next_.store(0, std::memory_order_relaxed);
    open_ = true;
    generation_.fetch_add(1, std::memory_order_release);
  }
  wake_.notify_all();
  takeTasks(0);
  // Workers inside may be at their last task. One that has not woken by now is not waited for: it
  // finds the run closed.
  {
    std::lock_guard<std::mutex> lock(mutex_);
    open_ = false;
  }
  const auto done = [this] { return inside_.load(std::memory_order_acquire) == 0; };
  if (spinUntil(done)) return;
  std::unique_lock<std::mutex> lock(mutex_);
  left_.wait(lock, done);
}

bool ThreadPool::waitForRun(uint64_t& seen) {
  const auto ready = [&] { return generation_.load(std::memory_order_acquire) != seen; };
  const bool found = spinUntil(ready);
  std::unique_lock<std::mutex> lock(mutex_);
  if (!found) wake_.wait(lock, ready);
  seen = generation_.load(std::memory_order_acquire);
  return !stopping_;
}

bool ThreadPool::join() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (open_) inside_.fetch_add(1, std::memory_order_relaxed);
  return open_;
}

void ThreadPool::leave() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (inside_.fetch_sub(1, std::memory_order_acq_rel) == 1) left_.notify_one();
}

void ThreadPool::work(size_t worker) {
  uint64_t seen = 0;
  while (waitForRun(seen)) {
    if (!join()) continue;
    takeTasks(worker);
    leave();
  }
}

}  // namespace w4a16
