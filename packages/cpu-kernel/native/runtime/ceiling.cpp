#include "runtime/ceiling.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "layout/aligned_buffer.h"

namespace w4a16 {
namespace {

constexpr double kPeakSeconds = 0.1, kReadSeconds = 0.3;
// An attempt is long beside the waking of threads, short beside a turn of the scheduler.
constexpr double kAttemptSeconds = 0.5e-3;
// What a thread reads at a time: long enough for the hardware to prefetch.
constexpr size_t kChunk = size_t{1} << 18;
constexpr size_t kMostBytes = size_t{512} << 20;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

double multiplyAddPeak(const Kernel& kernel, ThreadPool& pool, DType x, Precision precision) {
  const Path& path = forwardPath(kernel, x, precision);
  const size_t tasks = 4 * pool.threads();
  double best = 0;
  size_t iterations = 1000;
  const double end = now() + kPeakSeconds;
  for (double start = now(); start < end;) {
    double operations = 0;
    pool.run(tasks, [&](size_t task, size_t) {
      const double done = path.exercise(x, iterations);
      if (task == 0) operations = done * double(tasks);
    });
    const double stop = now(), seconds = stop - start;
    start = stop;
    if (seconds < kAttemptSeconds) {
      iterations *= 2;
    } else {
      best = std::max(best, operations / seconds);
    }
  }
  return best;
}

size_t probeBytes(bool cold) {
  const size_t cache = lastLevelCacheBytes();
  const size_t bytes = cold ? std::max(2 * cache, std::min(8 * cache, kMostBytes)) : cache / 2;
  return std::max(kChunk, bytes / kChunk * kChunk);
}

double readBandwidth(const Kernel& kernel, ThreadPool& pool, size_t bytes) {
  AlignedBuffer buffer;
  if (!buffer.reset(bytes)) return 0;
  const size_t chunks = bytes / kChunk;
  pool.run(chunks, [&](size_t i, size_t) { std::memset(buffer.data() + i * kChunk, 0, kChunk); });
  double best = 0;
  const double end = now() + kReadSeconds;
  do {
    const double start = now();
    pool.run(chunks,
             [&](size_t i, size_t) { kernel.floating->read(buffer.data() + i * kChunk, kChunk); });
    best = std::max(best, double(chunks * kChunk) / (now() - start));
  } while (now() < end);
  return best;
}

}  // namespace w4a16
