// Times kernels, interleaved with the machine's peak of the instruction they are made of, so that a
// shared machine's ups and downs show in both.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>

#include "runtime/matmul.h"
#include "test/oracle.h"

using namespace w4a16;
using namespace w4a16::test;

namespace {

// One thread is timed by the CPU time it gets, which a shared machine's other work disturbs less.
bool byCpuTime = false;

double now() {
  if (byCpuTime) return double(std::clock()) / CLOCKS_PER_SEC;
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Operations a second of the bfloat16 (or else the best) multiply-add instruction, for about as
// long as a product of `macs`.
double peak(const Kernel& kernel, ThreadPool& pool, double macs) {
  const Path& path = forwardPath(kernel, DType::kBFloat16, Precision::kBFloat16);
  const size_t tasks = 16, iterations = std::max<size_t>(100, size_t(macs / 1024 / tasks));
  const double t = now();
  double operations = 0;
  pool.run(tasks, [&](size_t task, size_t) {
    const double done = path.exercise(DType::kBFloat16, iterations);
    if (task == 0) operations = done * double(tasks);
  });
  return operations / (now() - t);
}

}  // namespace

int main(int argc, char** argv) {
  const size_t threads = argc > 1 ? strtoul(argv[1], nullptr, 10) : availableCpus();
  const std::string only = argc > 2 ? argv[2] : "";
  const size_t n = argc > 3 ? strtoul(argv[3], nullptr, 10) : 4096;
  const size_t k = argc > 4 ? strtoul(argv[4], nullptr, 10) : 4096;
  const size_t g = argc > 5 ? strtoul(argv[5], nullptr, 10) : 128;
  const Precision precision = argc > 6 && std::string(argv[6]) == "bfloat16"
                                  ? Precision::kBFloat16
                                  : Precision::kActivations;
  byCpuTime = threads == 1;
  ThreadPool pool(threads);
  const Weight weight(n, k, g, false, 1);
  PackedWeight packed;
  packed.pack(weight.source(), pool);
  double t = now();
  packed.pack(weight.source(), pool);
  std::printf("%s, %zu threads, N=%zu K=%zu G=%zu, repack %.1f ms\n", cpuModel().c_str(), threads,
              n, k, g, (now() - t) * 1e3);
  for (const Kernel& kernel : kernels()) {
    if (!kernel.supported || (!only.empty() && only != kernel.name)) continue;
    for (const bool transposed : {false, true}) {
      for (const DType type : {DType::kBFloat16, DType::kFloat16, DType::kFloat32}) {
        const char* name = type == DType::kFloat32   ? "fp32"
                           : type == DType::kFloat16 ? "fp16"
                                                     : "bf16";
        std::printf("%-12s %-10s %s:", kernel.name, transposed ? "transposed" : "forward", name);
        for (const size_t m : {1, 2, 4, 8, 16, 32, 128, 512}) {
          const size_t reduction = transposed ? n : k, width = transposed ? k : n;
          Elements x(type, m * reduction);
          Random random(1);
          for (size_t i = 0; i < m * reduction; i++) x.set(i, float(random.normal()));
          std::vector<float> y(m * width);
          Workspace workspace;
          std::atomic<bool> aborted{false};
          Matmul job{&packed.view(), transposed, type,     type,  precision, m,
                     x.data(),       reduction,  y.data(), width, nullptr,   type};
          std::vector<double> times, peaks;
          const double macs = double(m) * double(n) * double(k);
          for (double spent = 0; times.size() < 3 || (spent < 0.15 && times.size() < 100);) {
            runMatmul(job, kernel, pool, workspace, aborted);
            const double start = now();
            runMatmul(job, kernel, pool, workspace, aborted);
            times.push_back(now() - start);
            peaks.push_back(peak(kernel, pool, std::min(macs, 1e8)));
            spent += times.back();
          }
          std::sort(times.begin(), times.end());
          std::sort(peaks.begin(), peaks.end());
          const double rate = 2 * macs / times[times.size() / 2];
          std::printf("  M%zu %.3fms %.0f(%.0f%%)", m, times[times.size() / 2] * 1e3, rate / 1e9,
                      100 * rate / peaks[peaks.size() / 2]);
          std::fflush(stdout);
        }
        std::printf("\n");
      }
    }
  }
}
