// Checks and times the kernels without Node.
//   harness check [cases] [seed]       random sweep against the float64 oracle
//   harness every                      each tile a few times, for compute-sanitizer
//   harness host                       host time of a launch
//   harness tune  [json]               every tile and split at N = K = 4096
//   harness bench [json]               the chosen kernels, more shapes, dtypes and group sizes
#include <chrono>
#include <cstring>

#include "bench.cuh"
#include "check.cuh"

// What a launch costs the calling thread, without JavaScript.
static int hostTime() {
  using namespace harness;
  Weight weight;
  weight.make(64, 64, 64, DataType::BFloat16, false, ScaleKind::Ordinary, ZeroKind::Hqq, 1);
  Buffer<uint16_t> x(64), y(64);
  const FusedProblem p = weight.product(x.get(), y.get(), 1, false);
  int arch;
  CUDA_CHECK(w4a16::sm80::compiledArch(&arch));
  for (int calls : {10, 100, 500}) {
    std::vector<double> microseconds;
    for (int round = 0; round < 101; round++) {
      CUDA_CHECK(cudaDeviceSynchronize());
      const auto start = std::chrono::steady_clock::now();
      for (int i = 0; i < calls; i++)
        CUDA_CHECK(w4a16::sm80::launchFused(p, {0, 1, nullptr, nullptr}, arch, 0));
      microseconds.push_back(
          std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
              .count() /
          calls);
    }
    std::sort(microseconds.begin(), microseconds.end());
    std::printf("%d launches: %.2f us of host time each\n", calls, microseconds[50]);
  }
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 1000; i++) w4a16::heuristics::choose(p, arch, 132);
  std::printf(
      "choose: %.2f us\n",
      std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count() /
          1000);
  return 0;
}

int main(int argc, char** argv) {
  using namespace harness;
  const char* mode = argc > 1 ? argv[1] : "check";
  if (!std::strcmp(mode, "check"))
    return runSweep(argc > 2 ? std::atoi(argv[2]) : 5000, argc > 3 ? std::atoi(argv[3]) : 1) != 0;
  if (!std::strcmp(mode, "every")) return runEvery() != 0;
  const char* path = argc > 2 ? argv[2] : nullptr;
  const auto bf16 = DataType::BFloat16, fp16 = DataType::Float16;
  if (!std::strcmp(mode, "host")) return hostTime();
  if (!std::strcmp(mode, "tune")) {
    Bench bench(path, 11);
    bench.run({4096,
               4096,
               128,
               bf16,
               true,
               {1, 8, 16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096}});
    bench.run({14336, 4096, 128, bf16, true, {1, 16}});
    bench.run({8192, 8192, 128, bf16, true, {1, 16}});
    return 0;
  }
  Bench bench(path, 41);
  bench.run({4096,
             4096,
             128,
             bf16,
             false,
             {1, 2, 4, 8, 16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096, 8192}});
  bench.run({4096, 4096, 128, fp16, false, {1, 16, 32, 64, 128, 256, 512, 1024, 4096}});
  for (int g : {32, 64, 256, 4096, 16, 6})
    bench.run({g == 6 ? 4128 : 4096, g == 6 ? 4128 : 4096, g, bf16, false, {1, 16, 128, 1024}});
  bench.run({14336, 4096, 128, bf16, false, {1, 16, 128, 1024, 4096}});
  bench.run({4096, 14336, 128, bf16, false, {1, 16, 128, 1024, 4096}});
  bench.run({8192, 8192, 128, bf16, false, {1, 16, 128, 1024, 4096}});
  bench.run({10944, 7392, 32, bf16, false, {1, 16, 128, 1000}});
  return 0;
}
