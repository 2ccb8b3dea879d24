// Times the fused kernel beside dense cuBLAS and the unfused pair (dequantize, then cuBLAS).
#pragma once
#include <ctime>

#include "check.cuh"
#include "dense.hpp"
#include "timing.cuh"

namespace harness {

struct BenchShape {
  int N, K, G;
  DataType type;
  bool allTiles;
  std::vector<int> Ms;
};

class Bench {
 public:
  Bench(const char* path, int repeats)
      : file_(path ? std::fopen(path, "w") : nullptr),
        repeats_(repeats),
        workspace_(96 << 20),
        counters_(1 << 16) {
    CUDA_CHECK(sm80::compiledArch(&arch_));
    cudaDeviceProp device;
    CUDA_CHECK(cudaGetDeviceProperties(&device, 0));
    sms_ = device.multiProcessorCount;
    CUDA_CHECK(cudaMemset(counters_.get(), 0, counters_.bytes()));
    if (file_)
      std::fprintf(
          file_,
          "{\"device\": \"%s\", \"driver\": \"%s\", \"date\": \"%s\", \"commit\": \"%s\", "
          "\"compiledArch\": %d, \"method\": \"graph replay, candidates interleaved, 256 MB "
          "written or read before each run, median of %d, microseconds\", \"results\": [",
          device.name, environment("W4A16_DRIVER"), today().c_str(), environment("W4A16_COMMIT"),
          arch_, repeats);
  }
  ~Bench() {
    if (!file_) return;
    std::fprintf(file_, "\n]}\n");
    std::fclose(file_);
  }

  void run(const BenchShape& shape) {
    Weight weight;
    weight.make(shape.N, shape.K, shape.G, shape.type, false, ScaleKind::Ordinary, ZeroKind::Hqq,
                11);
    const int maxM = *std::max_element(shape.Ms.begin(), shape.Ms.end());
    const int64_t widest = std::max(shape.N, shape.K);
    Buffer<uint16_t> x(maxM * widest), y(maxM * widest),
        dense(static_cast<int64_t>(shape.N) * shape.K),
        scratch(static_cast<int64_t>(shape.N) * shape.K);
    fillActivations<<<8192, 256>>>(x.get(), shape.type, 1, maxM * widest, maxM * widest, 0.f, 99);
    CUDA_CHECK(launchDequantize(weight.packed.get(), weight.table(), dense.get(), shape.type,
                                weight.outScale(), shape.N, shape.K, shape.G, 0));
    CUDA_CHECK(cudaDeviceSynchronize());
    for (int M : shape.Ms)
      for (const bool transposed : {false, true}) {
        const FusedProblem p = weight.product(x.get(), y.get(), M, transposed);
        std::vector<Candidate> candidates;
        std::vector<FusedPlan> plans;
        const auto add = [&](std::string name, FusedPlan plan,
                             std::function<void(cudaStream_t)> launch) {
          candidates.push_back({std::move(name), std::move(launch)});
          plans.push_back(plan);
        };
        if (dense_.available()) {
          add("dense", {-1, 1, nullptr, nullptr}, [&](cudaStream_t s) {
            dense_.run(transposed, M, shape.N, shape.K, x.get(), dense.get(), y.get(), shape.type,
                       s);
          });
          add("unfused", {-1, 1, nullptr, nullptr}, [&](cudaStream_t s) {
            CUDA_CHECK(launchDequantize(weight.packed.get(), weight.table(), scratch.get(),
                                        shape.type, weight.outScale(), shape.N, shape.K, shape.G,
                                        s));
            dense_.run(transposed, M, shape.N, shape.K, x.get(), scratch.get(), y.get(), shape.type,
                       s);
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
        if (shape.allTiles)
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
  // Given by the script that runs it.
  static const char* environment(const char* name) {
    const char* v = std::getenv(name);
    return v ? v : "unknown";
  }
  static std::string today() {
    char text[32];
    const std::time_t now = std::time(nullptr);
    std::strftime(text, sizeof text, "%Y-%m-%d", std::gmtime(&now));
    return text;
  }

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
    if (shape.allTiles)
      std::printf("  best t%d s%d %7.1f / %7.1f", plans[best].tile, plans[best].splits,
                  times[best].written.median, times[best].clean.median);
    std::printf("\n");
    std::fflush(stdout);
    if (!file_) return;
    for (size_t i = 0; i < times.size(); i++) {
      std::fprintf(file_,
                   "%s\n{\"N\": %d, \"K\": %d, \"groupSize\": %d, \"dtype\": \"%s\", \"M\": %d, "
                   "\"direction\": \"%s\", \"kernel\": \"%s\", \"tile\": %d, \"splits\": %d, "
                   "\"floor\": %.2f",
                   first_ ? "" : ",", shape.N, shape.K, shape.G, nameOf(shape.type), M,
                   transposed ? "transposed" : "forward", candidates[i].name.c_str(), plans[i].tile,
                   plans[i].splits, floor);
      first_ = false;
      const Quantiles* q[2] = {&times[i].written, &times[i].clean};
      for (int k = 0; k < 2; k++)
        std::fprintf(file_, ", \"%s\": {\"p10\": %.2f, \"median\": %.2f, \"p90\": %.2f}",
                     k ? "clean" : "written", q[k]->p10, q[k]->median, q[k]->p90);
      std::fprintf(file_, "}");
    }
  }

  FILE* file_;
  int repeats_, arch_ = 0, sms_ = 0;
  bool first_ = true;
  Dense dense_;
  Timer timer_;
  Buffer<float> workspace_;
  Buffer<uint32_t> counters_;
};

}  // namespace harness
