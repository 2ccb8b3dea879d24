// Times the Hopper kernels beside dense cuBLAS.
#pragma once
#include <memory>

#include "harness/dense.hpp"
#include "harness/results_file.cuh"
#include "heuristics/sm90a.hpp"
#include "kernels/sm90a/launch.hpp"

namespace harness::hopper {

using namespace w4a16;

class Bench {
 public:
  // `encoding`: of the parameters; the zero points fit both.
  Bench(const char* path, int repeats, Encoding encoding = Encoding::Zero)
      : file_(path, repeats),
        repeats_(repeats),
        encoding_(encoding),
        workspace_(64 << 20),
        counters_(1 << 12) {
    CUDA_CHECK(cudaDeviceGetAttribute(&sms_, cudaDevAttrMultiProcessorCount, 0));
    CUDA_CHECK(cudaMemset(counters_.get(), 0, counters_.bytes()));
  }

  // A few launches of one kernel shape.
  void one(const BenchShape& shape, int kernel, bool transposed) {
    const Operands operands(shape, encoding_);
    const FusedProblem p = operands.product(shape.Ms[0], transposed);
    const sm90a::Plan plan = sm90a::makePlan(p, kernel, 1, sms_);
    for (int i = 0; i < 3; i++)
      CUDA_CHECK(sm90a::launchFused(p, plan, workspace_.get(), counters_.get(), 0));
    CUDA_CHECK(cudaDeviceSynchronize());
  }

  void run(const BenchShape& shape) {
    const Operands operands(shape, encoding_);
    for (int M : shape.Ms)
      for (const bool transposed : {false, true}) {
        const FusedProblem p = operands.product(M, transposed);
        std::vector<Candidate> candidates;
        std::vector<float> model;
        if (dense_.available()) {
          candidates.push_back({"dense", [&](cudaStream_t s) {
                                  dense_.run(transposed, M, shape.N, shape.K, operands.x.get(),
                                             operands.dense.get(), operands.y.get(), shape.type, s);
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
        if (shape.everyKernel)
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
    for (size_t i = 0; i < times.size(); i++) {
      char more[32];
      std::snprintf(more, sizeof more, "\"model\": %.1f", model[i]);
      file_.add(shape, M, transposed, candidates[i].name, more, times[i]);
    }
  }

  ResultsFile file_;
  int repeats_, sms_ = 0;
  Encoding encoding_;
  Dense dense_;
  Timer timer_;
  Buffer<float> workspace_;
  Buffer<uint32_t> counters_;
};

// Weights that differ in their group size alone, taking turns: what more parameters cost where the
// weight's bytes decide.
inline void compareGroups() {
  constexpr int kGroups[] = {4096, 512, 256, 128, 64, 32}, kRepeats = 81;
  Buffer<float> workspace(64 << 20);
  Buffer<uint32_t> counters(1 << 12);
  CUDA_CHECK(cudaMemset(counters.get(), 0, counters.bytes()));
  int sms;
  CUDA_CHECK(cudaDeviceGetAttribute(&sms, cudaDevAttrMultiProcessorCount, 0));
  std::vector<std::unique_ptr<Operands>> operands;
  for (int group : kGroups)
    operands.push_back(std::make_unique<Operands>(
        BenchShape{4096, 4096, group, DataType::BFloat16, false, {16}}, Encoding::Zero));
  Timer timer;
  for (int M : {1, 4, 16})
    for (const bool transposed : {false, true}) {
      std::vector<Candidate> candidates;
      for (const auto& o : operands) {
        const FusedProblem p = o->product(M, transposed);
        const sm90a::Plan plan = heuristics::chooseHopper(p, sms);
        candidates.push_back(
            {sm90a::nameOf(plan), [&, p, plan](cudaStream_t s) {
               CUDA_CHECK(sm90a::launchFused(p, plan, workspace.get(), counters.get(), s));
             }});
      }
      const std::vector<Timing> times = timer.run(candidates, kRepeats);
      std::printf("%s M %d, %s, us written / clean:", transposed ? "T" : "F", M,
                  candidates[0].name.c_str());
      for (size_t i = 0; i < times.size(); i++)
        std::printf("  G %d %.2f / %.2f", kGroups[i], times[i].written.median,
                    times[i].clean.median);
      std::printf("\n");
    }
}

}  // namespace harness::hopper
