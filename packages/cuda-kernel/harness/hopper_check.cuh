// A random sweep of every Hopper shape, each case compared with the float64 oracle.
#pragma once
#include "harness/trial.cuh"
#include "heuristics/sm90a.hpp"
#include "kernels/sm90a/launch.hpp"

namespace harness::hopper {

using namespace w4a16;

struct Case : Setting {
  int shape;  // −1: the heuristics choose
  int parts;  // of a tail
};

class Checker {
 public:
  int failures = 0, cases = 0, perShape[sm90a::kShapeCount][2] = {};
  double worstRatio = 0, worstOfBound = 0, square[2] = {}, seedSquare[2] = {};

  Checker() : workspace_(64 << 20), counters_(1 << 12) {
    CUDA_CHECK(cudaDeviceGetAttribute(&sms_, cudaDevAttrMultiProcessorCount, 0));
    CUDA_CHECK(cudaMemset(counters_.get(), 0, counters_.bytes()));
    // The workspace starts as NaN: a partial tile read before it was written would show.
    CUDA_CHECK(cudaMemset(workspace_.get(), 0xFF, workspace_.bytes()));
  }

  void run(const Case& c) {
    const FusedProblem p = trial_.prepare(c);
    if (const char* reason = sm90a::unsupported(p)) {
      std::printf("unsupported: %s\n", reason);
      failures++;
      return;
    }
    const sm90a::Plan plan = c.shape < 0 ? heuristics::chooseHopper(p, sms_)
                                         : sm90a::makePlan(p, c.shape, c.parts, sms_);
    if (sm90a::workspaceBytes(plan) > workspace_.bytes() ||
        sm90a::counterCount(plan) * 4 > counters_.bytes()) {
      std::printf("workspace too small\n");
      failures++;
      return;
    }
    const std::string kernel = "shape " + std::to_string(plan.shape) + " direct " +
                               std::to_string(plan.schedule.direct) + " of " +
                               std::to_string(plan.schedule.tiles) + " tiles, parts " +
                               std::to_string(plan.schedule.parts);
    judge(c, plan, kernel, trial_.run(c, p, kernel, 3, [&] {
      return sm90a::launchFused(p, plan, workspace_.get(), counters_.get(), 0);
    }));
  }

 private:
  void judge(const Case& c, const sm90a::Plan& plan, const std::string& kernel,
             const Outcome& outcome) {
    cases++;
    perShape[plan.shape][plan.schedule.parts > 1]++;
    const Errors& e = outcome.errors;
    const double relative = outcome.relative(), baseline = outcome.seedRounding();
    // 1.5 times the seed's rounding of weights and output, and what the tensor cores cut off
    // (oracle.cuh).
    const double bound = 1.5 * baseline + outcome.cuts() + 1e-6;
    // Below float16's normal range rounding is absolute. With few features, or few scales and zero
    // points, the two roundings' errors are too few to compare: a single zero point may be the
    // worst there is for one of them.
    const bool tiny = c.scaleKind == ScaleKind::Tiny;
    const bool enough = c.features() >= 32 && c.N * ceilDiv(c.K, c.groupSize) >= 32;
    const bool ok = outcome.intact() &&
                    (tiny || ((!enough || relative <= bound) &&
                              e.worst <= 2 * (roundingStep(c.type) + roundingStep(c.outType))));
    if (!ok) {
      failures++;
      print("FAILED", c, kernel);
      outcome.print();
    }
    if (tiny || e.exact == 0) return;
    square[c.type == DataType::Float16] += e.square / e.exact,
        seedSquare[c.type == DataType::Float16] += e.seed / e.exact;
    if (baseline > 0) worstRatio = std::fmax(worstRatio, relative / baseline);
    if (baseline > 0 && enough) worstOfBound = std::fmax(worstOfBound, relative / bound);
  }

  int sms_ = 0;
  Trial trial_;
  Buffer<float> workspace_;
  Buffer<uint32_t> counters_;
};

// One random case. Small enough for the oracle, odd enough to meet every edge.
inline Case randomCase(std::mt19937& rng, uint32_t seed, int index) {
  Picker random{rng};
  Case c{};
  c.seed = seed;
  c.shape = index % (sm90a::kShapeCount + 1) - 1;  // every shape in turn, and the choice
  c.M = random.pick(0, 2)
            ? random.pick(1, 300)
            : random.of({1, 2, 3, 7, 8, 15, 16, 17, 33, 63, 64, 65, 127, 128, 129, 257, 513});
  c.N = random.pick(0, 2) ? random.pick(1, 700)
                          : random.of({1, 8, 48, 64, 72, 128, 200, 256, 320, 1024, 1100, 2048});
  const int64_t g = random.of({32, 64, 96, 128, 256});
  if (random.pick(0, 4) == 0)
    c.K = random.pick(1, 600) * 2, c.groupSize = c.K;
  else
    c.K = g * random.pick(1, 2600 / g), c.groupSize = g;
  c.type = random.pick(0, 1) ? DataType::BFloat16 : DataType::Float16;
  c.outType = random.pick(0, 3) ? c.type : DataType::Float32;
  c.biasType = static_cast<DataType>(random.pick(0, 2));
  c.bias = random.pick(0, 3) == 0;
  c.isSigned = random.pick(0, 1), c.transposed = random.pick(0, 1);
  c.parts = static_cast<int>(random.pick(1, 4));
  c.xPad = (8 - c.reduction() % 8) % 8 +
           (random.pick(0, 1) ? 0 : random.of({8, 16, 64}));  // rows 16 bytes apart, as these
                                                              // kernels want
  c.outPad = random.pick(0, 1) ? 0 : random.of({1, 2, 4, 8, 40});
  c.outOffset = random.pick(0, 3) ? 0 : random.pick(1, 9);
  random.values(c);
  c.encoding = c.zerosFit() && random.pick(0, 2) ? Encoding::Zero : Encoding::Midpoint;
  return c;
}

// A shape with a reduction that fills its ring several times over.
inline Case longCase(int shape, bool transposed, int64_t groupSize) {
  constexpr int64_t kReduction = 14336;
  Case c{};
  c.M = sm90a::kShapes[shape].tokens + 5;
  c.N = transposed ? kReduction : 200, c.K = transposed ? 192 : kReduction;
  c.groupSize = groupSize;
  c.type = c.outType = DataType::BFloat16, c.biasType = DataType::Float32;
  c.transposed = transposed;
  c.shape = shape, c.parts = 3, c.seed = 17;
  return c;
}

inline int runSweep(int count, uint32_t seed) {
  constexpr int kEnough = 20;
  Checker checker;
  std::mt19937 rng(seed);
  // Long reductions: not in a short sweep, for the sanitizer.
  for (int shape = 0; shape < (count < 100 ? 0 : sm90a::kShapeCount); shape++)
    for (const int64_t groupSize : {64, 32})
      for (const bool transposed : {false, true})
        if (checker.failures <= kEnough) checker.run(longCase(shape, transposed, groupSize));
  for (int i = 0; i < count && checker.failures <= kEnough; i++)
    checker.run(randomCase(rng, seed * 100003u + i, i));
  std::printf("cases by shape (whole tiles or pairs, with parts):");
  for (int s = 0; s < sm90a::kShapeCount; s++)
    std::printf(" %d:%d,%d", s, checker.perShape[s][0], checker.perShape[s][1]);
  std::printf(
      "\nrms error over seed rounding: bf16 %.4f, fp16 %.4f; worst case %.3f, of the bound %.3f\n",
      std::sqrt(checker.square[0] / checker.seedSquare[0]),
      std::sqrt(checker.square[1] / checker.seedSquare[1]), checker.worstRatio,
      checker.worstOfBound);
  std::printf("sweep: %d cases, %d failures\n", checker.cases, checker.failures);
  return checker.failures;
}

}  // namespace harness::hopper
