// Times the Hopper kernels beside dense cuBLAS.
#pragma once
#include <ctime>

#include "harness/dense.hpp"
#include "harness/problem.cuh"
#include "harness/timing.cuh"
#include "heuristics/sm90a.hpp"
#include "kernels/sm90a/launch.hpp"

// The sources that were measured: the build says (CMakeLists.txt).
#ifndef W4A16_COMMIT
#define W4A16_COMMIT "unknown"
#endif

namespace harness::hopper {

using namespace w4a16;

struct BenchShape {
  int N, K, G;
  DataType type;
  bool allShapes;
  std::vector<int> Ms;
};

class Bench {
 public:
  Bench(const char* path, int repeats)
      : file_(path ? std::fopen(path, "w") : nullptr),
        repeats_(repeats),
        workspace_(64 << 20),
        counters_(1 << 12) {
    cudaDeviceProp device;
    int driver = 0;
    CUDA_CHECK(cudaGetDeviceProperties(&device, 0));
    CUDA_CHECK(cudaDriverGetVersion(&driver));
    sms_ = device.multiProcessorCount;
    CUDA_CHECK(cudaMemset(counters_.get(), 0, counters_.bytes()));
    char date[sizeof "2000-01-01"] = "";
    const std::time_t now = std::time(nullptr);
    std::strftime(date, sizeof date, "%Y-%m-%d", std::gmtime(&now));
    if (file_)
      std::fprintf(
          file_,
          "{\"device\": \"%s\", \"driver\": %d, \"date\": \"%s\", \"commit\": \"" W4A16_COMMIT
          "\", \"method\": \"graph replay, candidates "
          "interleaved, 256 MB written or read before each run, median of %d, "
          "microseconds\", \"results\": [",
          device.name, driver, date, repeats);
  }
  ~Bench() {
    if (!file_) return;
    std::fprintf(file_, "\n]}\n");
    std::fclose(file_);
  }

  // A few launches of one kernel shape.
  void one(const BenchShape& shape, int kernel, bool transposed) {
    Weight weight;
    weight.make(shape.N, shape.K, shape.G, shape.type, false, ScaleKind::Ordinary, ZeroKind::Hqq,
                11);
    const int M = shape.Ms[0], widest = std::max(shape.N, shape.K);
    Buffer<uint16_t> x(static_cast<int64_t>(M) * widest), y(static_cast<int64_t>(M) * widest);
    fillActivations<<<8192, 256>>>(x.get(), shape.type, 1, static_cast<int64_t>(M) * widest,
                                   static_cast<int64_t>(M) * widest, 0.f, 99);
    const FusedProblem p = weight.product(x.get(), y.get(), M, transposed);
    const sm90a::Plan plan = sm90a::makePlan(p, kernel, 1, sms_);
    for (int i = 0; i < 3; i++)
      CUDA_CHECK(sm90a::launchFused(p, plan, workspace_.get(), counters_.get(), 0));
    CUDA_CHECK(cudaDeviceSynchronize());
  }

  void run(const BenchShape& shape) {
    Weight weight;
    weight.make(shape.N, shape.K, shape.G, shape.type, false, ScaleKind::Ordinary, ZeroKind::Hqq,
                11);
    const int maxM = *std::max_element(shape.Ms.begin(), shape.Ms.end());
    const int64_t widest = std::max(shape.N, shape.K);
    Buffer<uint16_t> x(maxM * widest), y(maxM * widest),
        dense(static_cast<int64_t>(shape.N) * shape.K);
    fillActivations<<<8192, 256>>>(x.get(), shape.type, 1, maxM * widest, maxM * widest, 0.f, 99);
    CUDA_CHECK(launchDequantize(weight.packed.get(), weight.table(), dense.get(), shape.type,
                                weight.outScale(), shape.N, shape.K, shape.G, 0));
    CUDA_CHECK(cudaDeviceSynchronize());
    for (int M : shape.Ms)
      for (const bool transposed : {false, true}) {
        const FusedProblem p = weight.product(x.get(), y.get(), M, transposed);
        std::vector<Candidate> candidates;
        std::vector<float> model;
        if (dense_.available()) {
          candidates.push_back({"dense", [&](cudaStream_t s) {
                                  dense_.run(transposed, M, shape.N, shape.K, x.get(), dense.get(),
                                             y.get(), shape.type, s);
                                }});
          model.push_back(0);
        }
        const auto add = [&](const sm90a::Plan& plan, const char* mark) {
          if (sm90a::workspaceBytes(plan) > workspace_.bytes()) return;
          candidates.push_back(
              {mark + sm90a::nameOf(plan), [this, p, plan](cudaStream_t s) {
                 CUDA_CHECK(sm90a::launchFused(p, plan, workspace_.get(), counters_.get(), s));
               }});
          model.push_back(plan.microseconds);
        };
        add(heuristics::chooseHopper(p, sms_), "*");
        if (shape.allShapes)
          for (int i = 0; i < sm90a::kShapeCount; i++) {
            const sm90a::Shape& s = sm90a::kShapes[i];
            const int down = ceilDiv(M, s.tokens);
            if ((down == 1 && s.tokens >= 2 * M && i > 0) ||
                M > s.tokens * (s.tokens >= 192 ? 32 : 8))
              continue;  // mostly padding, or hopeless
            if (s.family == sm90a::Family::Pair &&
                down * ceilDiv<int64_t>(transposed ? shape.K : shape.N, s.features()) >
                    (s.tokens <= 64 ? 1000 : 200))
              continue;
            for (int parts = 1; parts <= (s.family == sm90a::Family::Whole ? 4 : 1); parts++) {
              const sm90a::Plan plan = heuristics::estimated(p, i, parts, sms_);
              if (plan.schedule.parts == parts &&
                  (parts == 1 || plan.schedule.direct > 0 || parts == 2))
                add(plan, "");
            }
          }
        report(shape, M, transposed, candidates, model, timer_.run(candidates, repeats_));
      }
  }

 private:
  void report(const BenchShape& shape, int M, bool transposed,
              const std::vector<Candidate>& candidates, const std::vector<float>& model,
              const std::vector<Timing>& times) {
    std::printf("%s %s N %d K %d G %d M %d: dense %.1f / %.1f\n", transposed ? "T" : "F",
                nameOf(shape.type), shape.N, shape.K, shape.G, M, times[0].written.median,
                times[0].clean.median);
    for (size_t i = 1; i < times.size(); i++)
      std::printf("   %-34s %7.1f / %7.1f  %.3f / %.3f  model %.1f\n", candidates[i].name.c_str(),
                  times[i].written.median, times[i].clean.median,
                  times[i].written.median / times[0].written.median,
                  times[i].clean.median / times[0].clean.median, model[i]);
    std::fflush(stdout);
    if (!file_) return;
    for (size_t i = 0; i < times.size(); i++) {
      std::fprintf(file_,
                   "%s\n{\"N\": %d, \"K\": %d, \"groupSize\": %d, \"dtype\": \"%s\", \"M\": %d, "
                   "\"direction\": \"%s\", \"kernel\": \"%s\", \"model\": %.1f",
                   first_ ? "" : ",", shape.N, shape.K, shape.G, nameOf(shape.type), M,
                   transposed ? "transposed" : "forward", candidates[i].name.c_str(), model[i]);
      first_ = false;
      const Quantiles* q[2] = {&times[i].written, &times[i].clean};
      for (int k = 0; k < 2; k++)
        std::fprintf(file_, ", \"%s\": {\"p10\": %.2f, \"median\": %.2f, \"p90\": %.2f}",
                     k ? "clean" : "written", q[k]->p10, q[k]->median, q[k]->p90);
      std::fprintf(file_, "}");
    }
    std::fflush(file_);
  }

  FILE* file_;
  int repeats_, sms_ = 0;
  bool first_ = true;
  Dense dense_;
  Timer timer_;
  Buffer<float> workspace_;
  Buffer<uint32_t> counters_;
};

}  // namespace harness::hopper
