// Times the portable kernel beside dense cuBLAS and the unfused pair (dequantize, then cuBLAS).
#pragma once
#include "dense.hpp"
#include "heuristics/choose.hpp"
#include "kernels/sm80/launch.hpp"
#include "results_file.cuh"

namespace harness {

using namespace w4a16;

class Bench {
 public:
  Bench(const char* path, int repeats)
      : file_(path, repeats), repeats_(repeats), workspace_(96 << 20), counters_(1 << 16) {
    CUDA_CHECK(sm80::compiledArch(&arch_));
    CUDA_CHECK(cudaDeviceGetAttribute(&sms_, cudaDevAttrMultiProcessorCount, 0));
    CUDA_CHECK(cudaMemset(counters_.get(), 0, counters_.bytes()));
  }

  void run(const BenchShape& shape) {
    const Operands operands(shape);
    Buffer<uint16_t> scratch(static_cast<int64_t>(shape.N) * shape.K);
    for (int M : shape.Ms)
      for (const bool transposed : {false, true}) {
        const FusedProblem p = operands.product(M, transposed);
        std::vector<Candidate> candidates;
        std::vector<FusedPlan> plans;
        const auto add = [&](std::string name, FusedPlan plan,
                             std::function<void(cudaStream_t)> launch) {
          candidates.push_back({std::move(name), std::move(launch)});
          plans.push_back(plan);
        };
        if (dense_.available()) {
          const auto multiply = [&, M, transposed](const uint16_t* w, cudaStream_t s) {
            dense_.run(transposed, M, shape.N, shape.K, operands.x.get(), w, operands.y.get(),
                       shape.type, s);
          };
          add("dense", {-1, 1, nullptr, nullptr},
              [&, multiply](cudaStream_t s) { multiply(operands.dense.get(), s); });
          add("unfused", {-1, 1, nullptr, nullptr}, [&, multiply](cudaStream_t s) {
            operands.dequantize(scratch.get(), s);
            multiply(scratch.get(), s);
          });
        }
        const auto addFused = [&](std::string name, int tile, int splits) {
          const FusedPlan plan{tile, splits, workspace_.get(), counters_.get()};
          add(std::move(name), plan, [this, p, plan](cudaStream_t s) {
            CUDA_CHECK(sm80::launchFused(p, plan, arch_, s));
          });
        };
        const heuristics::Choice choice = heuristics::choose(p, arch_, sms_);
        addFused("fused", choice.tile, choice.splits);
        if (shape.everyKernel)
          for (int tile = 0; tile < sm80::kTileCount; tile++) {
            const sm80::TileShape& t = sm80::kTiles[tile];
            if (!sm80::runsOn(t, groupingOf(shape.G, shape.K), transposed, arch_)) continue;
            for (int splits : {1, 2, 3, 4}) {
              const int64_t ctas = sm80::outputTiles(p, tile) * splits;
              if (t.tokens > 2 * M && t.tokens > 8) continue;                      // mostly padding
              if (t.tokens * 32 < M || (splits > 1 && ctas > 3 * sms_)) continue;  // hopeless
              if (sm80::workspaceBytes(p, tile, splits) > workspace_.bytes() ||
                  sm80::counterCount(p, tile, splits) * 4 > counters_.bytes())
                continue;
              addFused("tile", tile, splits);
            }
          }
        report(shape, M, transposed, candidates, plans, timer_.run(candidates, repeats_),
               choice.microseconds, heuristics::floorMicroseconds(p, arch_));
      }
  }

 private:
  void report(const BenchShape& shape, int M, bool transposed,
              const std::vector<Candidate>& candidates, const std::vector<FusedPlan>& plans,
              const std::vector<Timing>& times, float predicted, float floor) {
    size_t best = 0, fused = 0;
    for (size_t i = 0; i < times.size(); i++) {
      if (candidates[i].name == "fused") fused = i;
      if (candidates[i].name == "tile" &&
          (candidates[best].name != "tile" || times[i].written.median < times[best].written.median))
        best = i;
    }
    const Timing& f = times[fused];
    std::printf(
        "%s %s N %d K %d G %d M %5d: dense %7.1f / %7.1f  unfused %7.1f  fused t%d s%d %7.1f / "
        "%7.1f (%.2f / %.2f of dense, model %.1f, floor %.1f: %.0f%%)",
        transposed ? "T" : "F", nameOf(shape.type), shape.N, shape.K, shape.G, M,
        times[0].written.median, times[0].clean.median,
        times.size() > 1 ? times[1].written.median : 0.f, plans[fused].tile, plans[fused].splits,
        f.written.median, f.clean.median, f.written.median / times[0].written.median,
        f.clean.median / times[0].clean.median, predicted, floor, 100 * floor / f.written.median);
    if (shape.everyKernel)
      std::printf("  best t%d s%d %7.1f / %7.1f", plans[best].tile, plans[best].splits,
                  times[best].written.median, times[best].clean.median);
    std::printf("\n");
    std::fflush(stdout);
    for (size_t i = 0; i < times.size(); i++) {
      char more[96];
      std::snprintf(more, sizeof more, "\"tile\": %d, \"splits\": %d, \"floor\": %.2f",
                    plans[i].tile, plans[i].splits, floor);
      file_.add(shape, M, transposed, candidates[i].name, more, times[i]);
    }
  }

  ResultsFile file_;
  int repeats_, arch_ = 0, sms_ = 0;
  Dense dense_;
  Timer timer_;
  Buffer<float> workspace_;
  Buffer<uint32_t> counters_;
};

}  // namespace harness
