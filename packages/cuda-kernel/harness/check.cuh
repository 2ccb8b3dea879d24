// A random sweep of shapes and settings, each compared with the float64 oracle.
#pragma once
#include "heuristics/choose.hpp"
#include "kernels/sm80/launch.hpp"
#include "kernels/simt/fused_float32.hpp"
#include "trial.cuh"

namespace harness {

using namespace w4a16;

struct Case : Setting {
  int tile, splits;  // tile −1: the heuristics choose
};

class Checker {
 public:
  // Sums of errors of all cases, by activation type: the ratio to the two baselines is the accuracy
  // claim.
  struct Total {
    double ours = 0, once = 0, seed = 0;
    int cases = 0;
    double worstRatio = 0, worstError = 0;
  } totals[3];
  int failures = 0, cases = 0;
  int bulk = 0, pairs = 0;        // cases that the copy engine fed, and of them on two CTAs a tile
  int underflowing = 0, few = 0;  // cases judged by each output's own bound only

  Checker() : workspace_(64 << 20), counters_(1 << 16) {
    CUDA_CHECK(sm80::compiledArch(&arch_));
    CUDA_CHECK(cudaDeviceGetAttribute(&sms_, cudaDevAttrMultiProcessorCount, 0));
    CUDA_CHECK(cudaMemset(counters_.get(), 0, counters_.bytes()));
  }

  void run(const Case& c) {
    const FusedProblem p = trial_.prepare(c);
    const bool portable = c.type != DataType::Float32;
    FusedPlan chosen{};
    if (portable && !plan(p, c.tile, c.splits, chosen)) return;
    if (portable && sm80::launchesInBulk(p, chosen.tile, arch_)) {
      bulk++;
      pairs += sm80::pairs(sm80::kTiles[chosen.tile], groupingOf(c.groupSize, c.K), chosen.splits,
                           arch_);
    }
    const std::string kernel =
        "tile " + std::to_string(chosen.tile) + " splits " + std::to_string(chosen.splits);
    const Outcome outcome = trial_.run(c, p, kernel, 2, [&] {
      return portable ? sm80::launchFused(p, chosen, arch_, 0) : launchFusedFloat32(p, 0);
    });
    judge(c, kernel, outcome);
  }

 private:
  // The plan for a problem; false where the wanted tile does not run here.
  bool plan(const FusedProblem& p, int tile, int splits, FusedPlan& plan) {
    if (tile < 0) {
      const heuristics::Choice choice = heuristics::choose(p, arch_, sms_);
      tile = choice.tile, splits = choice.splits;
    }
    if (!sm80::runsOn(sm80::kTiles[tile], groupingOf(p.groupSize, p.K), p.transposed, arch_))
      return false;
    if (sm80::counterCount(p, tile, splits) > counters_.bytes() / 4 ||
        sm80::workspaceBytes(p, tile, splits) > workspace_.bytes())
      splits = 1;
    plan = {tile, splits, workspace_.get(), counters_.get()};
    return true;
  }

  void judge(const Case& c, const std::string& kernel, const Outcome& outcome) {
    cases++;
    const Errors& e = outcome.errors;
    const double relative = outcome.relative(), baseline = outcome.seedRounding();
    const double step = c.type == DataType::Float32 ? 2e-6 : roundingStep(c.type);
    const double outStep = roundingStep(c.outType);
    // Two bounds. Each output's own, against the sum of its terms' magnitudes, holds for every
    // case: a wrong index, a lost term or a neighbour's parameters break it. The norm over all
    // outputs is the accuracy claim; it is left out where it says nothing:
    //  - below the normal range of float16 outputs are rounded by an absolute step, which `worst`
    //  allows for;
    //  - over a handful of outputs, or features, the ratio of two norms is chance, as both errors
    //  are a few random roundings.
    bool ok = outcome.intact() && e.worst <= 2 * (step + outStep);
    const bool smallValues = c.scaleKind == ScaleKind::Tiny;
    const bool underflows = smallValues && c.outType == DataType::Float16;
    if (underflows)
      underflowing++;
    else if (c.type == DataType::Float32)
      ok = ok && relative <= (c.outType == DataType::Float32 ? 1e-5 : outStep);
    else if (c.M * c.features() < 64 || c.features() < 8)
      few++;
    else
      ok = ok && relative <= 1.5 * baseline + 1e-6;
    if (!ok) {
      failures++;
      print("FAILED", c, kernel);
      outcome.print();
    }
    if (smallValues || e.exact == 0) return;
    Total& t = totals[static_cast<int>(c.type)];
    t.cases++;
    t.ours += e.square / e.exact, t.once += e.once / e.exact, t.seed += e.seed / e.exact;
    t.worstError = std::fmax(t.worstError, relative);
    if (baseline > 0) t.worstRatio = std::fmax(t.worstRatio, relative / baseline);
  }

  int arch_ = 0, sms_ = 0;
  Trial trial_;
  Buffer<float> workspace_;
  Buffer<uint32_t> counters_;
};

// One random case. Small enough for the oracle, odd enough to meet every edge.
inline Case randomCase(std::mt19937& rng, uint32_t seed) {
  Picker random{rng};
  Case c{};
  c.seed = seed;
  c.M = random.pick(0, 3)
            ? random.pick(1, 140)
            : random.of({1, 2, 3, 7, 8, 15, 16, 17, 33, 63, 64, 65, 127, 128, 129, 257, 300});
  c.N = random.pick(0, 2) ? random.pick(1, 600)
                          : random.of({1, 8, 48, 64, 72, 128, 200, 256, 320, 1024, 1100});
  const int64_t g = random.pick(0, 3) ? random.of({32, 64, 128, 256})
                                      : random.of({1, 2, 3, 6, 10, 16, 24, 48, 80, 96, 112, 192});
  if (random.pick(0, 4) == 0) {  // one group a row
    c.K = random.pick(1, 500) * 2, c.groupSize = c.K;
  } else {
    c.K = g * random.pick(1, std::max<int64_t>(1, 1200 / g)), c.groupSize = g;
    if (c.K % 2) c.K *= 2;
  }
  c.type = random.pick(0, 9) == 0 ? DataType::Float32
           : random.pick(0, 1)    ? DataType::BFloat16
                                  : DataType::Float16;
  c.outType = random.pick(0, 2) ? c.type : static_cast<DataType>(random.pick(0, 2));
  c.biasType = static_cast<DataType>(random.pick(0, 2));
  c.bias = random.pick(0, 3) == 0;
  c.isSigned = random.pick(0, 1);
  c.transposed = random.pick(0, 1);
  c.tile = random.pick(0, 3) == 0 ? -1 : static_cast<int>(random.pick(0, sm80::kTileCount - 1));
  c.splits = random.pick(0, 1) ? 1 : static_cast<int>(random.pick(2, 5));
  c.xOffset = random.pick(0, 2) ? 0 : random.pick(0, 9);
  c.xPad = random.pick(0, 2) ? 0 : random.of({1, 2, 3, 5, 8, 16, 64});
  c.outPad = random.pick(0, 2) ? 0 : random.of({1, 2, 4, 8, 40});
  random.values(c);
  return c;
}

// Every tile, whole and in two parts, in both directions, with rows that the copy engine takes and
// rows that it does not: for compute-sanitizer, under which a sweep takes too long to meet all.
inline int runEvery() {
  Checker checker;
  uint32_t seed = 1;
  for (int tile = 0; tile < sm80::kTileCount; tile++)
    for (const int splits : {1, 2})
      for (const bool transposed : {false, true})
        for (const int xOffset : {0, 1}) {
          constexpr int64_t kFeatures = 192, kReduction = 704;
          Case c{};
          c.M = sm80::kTiles[tile].tokens + 9;
          c.N = transposed ? kReduction : kFeatures, c.K = transposed ? kFeatures : kReduction;
          c.groupSize = transposed == (splits == 2) ? 64 : 32;
          c.type = seed % 2 ? DataType::BFloat16 : DataType::Float16;
          c.outType = c.biasType = c.type;
          c.transposed = transposed, c.xOffset = xOffset, c.bias = xOffset;
          c.tile = tile, c.splits = splits, c.seed = seed++;
          checker.run(c);
        }
  std::printf("every tile: %d cases, %d failures; %d with copies in bulk, of them %d in pairs\n",
              checker.cases, checker.failures, checker.bulk, checker.pairs);
  return checker.failures;
}

inline int runSweep(int count, uint32_t seed) {
  Checker checker;
  std::mt19937 rng(seed);
  for (int i = 0; i < count; i++) {
    checker.run(randomCase(rng, seed * 100003u + i));
    if (checker.failures > 40) {
      std::printf("stopping after %d failures\n", checker.failures);
      break;
    }
  }
  for (int t = 0; t < 3; t++) {
    const auto& total = checker.totals[t];
    if (total.cases == 0) continue;
    std::printf(
        "%s: %d cases, rms relative error %.4e; over weights rounded once %.4f, over seed rounding "
        "%.4f; worst case %.2e, %.3f of seed rounding\n",
        nameOf(static_cast<DataType>(t)), total.cases, std::sqrt(total.ours / total.cases),
        std::sqrt(total.ours / total.once), std::sqrt(total.ours / total.seed), total.worstError,
        total.worstRatio);
  }
  std::printf(
      "sweep: %d cases, %d failures; %d with copies in bulk, of them %d in pairs; by each output "
      "alone: %d of float16 outputs that underflow, %d of few outputs\n",
      checker.cases, checker.failures, checker.bulk, checker.pairs, checker.underflowing,
      checker.few);
  return checker.failures;
}

}  // namespace harness
