// A random sweep of shapes and settings, each compared with the float64 oracle.
#pragma once
#include <cmath>
#include <random>

#include "heuristics/choose.hpp"
#include "kernels/sm80/launch.hpp"
#include "kernels/simt/fused_float32.hpp"
#include "oracle.cuh"

namespace harness {

using namespace w4a16;

struct Case {
  int64_t M, N, K, groupSize, xOffset, xPad, outPad;
  DataType type, outType, biasType;
  bool isSigned, transposed, bias;
  int tile, splits;  // tile −1: the heuristics choose
  ScaleKind scaleKind;
  ZeroKind zeroKind;
  float mean;
  uint32_t seed;
};

inline void print(const char* what, const Case& c, const FusedPlan& plan) {
  std::printf(
      "%s M %lld N %lld K %lld G %lld %s -> %s %s %s bias %d(%s) tile %d splits %d x offset %lld "
      "pad %lld out pad %lld scales %d zeros %d mean %g seed %u\n",
      what, (long long)c.M, (long long)c.N, (long long)c.K, (long long)c.groupSize, nameOf(c.type),
      nameOf(c.outType), c.transposed ? "transposed" : "forward", c.isSigned ? "s4" : "u4", c.bias,
      nameOf(c.biasType), plan.tile, plan.splits, (long long)c.xOffset, (long long)c.xPad,
      (long long)c.outPad, (int)c.scaleKind, (int)c.zeroKind, c.mean, c.seed);
}

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

  Checker() : errors_(1), counts_(2), workspace_(64 << 20), counters_(1 << 16) {
    CUDA_CHECK(sm80::compiledArch(&arch_));
    CUDA_CHECK(cudaDeviceGetAttribute(&sms_, cudaDevAttrMultiProcessorCount, 0));
    CUDA_CHECK(cudaMemset(counters_.get(), 0, counters_.bytes()));
  }
  int arch() const { return arch_; }
  int sms() const { return sms_; }

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

  void run(const Case& c) {
    weight_.make(c.N, c.K, c.groupSize, c.type, c.isSigned, c.scaleKind, c.zeroKind, c.seed);
    const int64_t features = c.transposed ? c.K : c.N, reduction = c.transposed ? c.N : c.K;
    const int64_t xStride = reduction + c.xPad, outStride = features + c.outPad;
    const int xb = dataTypeBytes(c.type), ob = dataTypeBytes(c.outType);
    x_.resize((c.M * xStride + c.xOffset + 64) * 4), bias_.resize(features * 4);
    const int64_t lead = 256, outBytes = lead + c.M * outStride * ob + 256;
    out_.resize(outBytes);
    // What lies between the rows of x is NaN: reading it would show.
    CUDA_CHECK(cudaMemsetAsync(x_.get(), 0xFF, x_.bytes()));
    void* x = x_.get() + c.xOffset * xb;
    fillActivations<<<gridFor(c.M * reduction), 256>>>(x, c.type, c.M, reduction, xStride, c.mean,
                                                       c.seed * 7 + 3);
    fillActivations<<<gridFor(features), 256>>>(bias_.get(), c.biasType, 1, features, features, 0.f,
                                                c.seed * 13 + 1);
    FusedProblem p{weight_.packed.get(),
                   weight_.table(),
                   x,
                   out_.get() + lead,
                   c.bias ? bias_.get() : nullptr,
                   xStride,
                   outStride,
                   c.M,
                   c.N,
                   c.K,
                   c.groupSize,
                   c.type,
                   c.outType,
                   c.biasType,
                   c.transposed,
                   weight_.outScale()};
    FusedPlan chosen{};
    if (c.type != DataType::Float32 && !plan(p, c.tile, c.splits, chosen)) return;
    if (c.type != DataType::Float32 && sm80::launchesInBulk(p, chosen.tile, arch_)) {
      bulk++;
      pairs += sm80::pairs(sm80::kTiles[chosen.tile], groupingOf(c.groupSize, c.K), chosen.splits,
                           arch_);
    }
    unsigned long long hashes[2], dirty = 0;
    for (int repeat = 0; repeat < 2; repeat++) {
      CUDA_CHECK(cudaMemsetAsync(out_.get(), 0xFF, outBytes));
      CUDA_CHECK(cudaMemsetAsync(counts_.get(), 0, 16));
      const cudaError_t error = c.type == DataType::Float32
                                    ? launchFusedFloat32(p, 0)
                                    : sm80::launchFused(p, chosen, arch_, 0);
      if (error != cudaSuccess) {
        print(cudaGetErrorString(error), c, chosen);
        std::exit(4);
      }
      inspectOutput<<<gridFor(outBytes), 256>>>(out_.get(), outBytes, lead, outStride * ob,
                                                features * ob, c.M, counts_.get(),
                                                counts_.get() + 1);
      unsigned long long counts[2];
      const cudaError_t ran = cudaMemcpy(counts, counts_.get(), 16, cudaMemcpyDeviceToHost);
      if (ran != cudaSuccess) {
        print(cudaGetErrorString(ran), c, chosen);
        std::exit(4);
      }
      dirty += counts[0], hashes[repeat] = counts[1];
    }
    CUDA_CHECK(cudaMemsetAsync(errors_.get(), 0, sizeof(Errors)));
    measureErrors<<<gridFor(c.M * features), 256>>>(oracleView(weight_, p), errors_.get());
    Errors e;
    CUDA_CHECK(cudaMemcpy(&e, errors_.get(), sizeof e, cudaMemcpyDeviceToHost));
    judge(c, chosen, e, dirty, hashes[0] == hashes[1]);
  }

 private:
  void judge(const Case& c, const FusedPlan& chosen, const Errors& e, unsigned long long dirty,
             bool repeats) {
    cases++;
    const double relative = e.exact > 0 ? std::sqrt(e.square / e.exact) : std::sqrt(e.square);
    const double baseline = e.exact > 0 ? std::sqrt(e.seed / e.exact) : 0;
    const double step = c.type == DataType::Float16    ? 0x1p-11
                        : c.type == DataType::BFloat16 ? 0x1p-8
                                                       : 2e-6;
    const double outStep = c.outType == DataType::Float16    ? 0x1p-11
                           : c.outType == DataType::BFloat16 ? 0x1p-8
                                                             : 0x1p-23;
    // Two bounds. Each output's own, against the sum of its terms' magnitudes, holds for every
    // case: a wrong index, a lost term or a neighbour's parameters break it. The norm over all
    // outputs is the accuracy claim; it is left out where it says nothing:
    //  - below the normal range of float16 outputs are rounded by an absolute step, which `worst`
    //  allows for;
    //  - over a handful of outputs, or features, the ratio of two norms is chance, as both errors
    //  are a few random roundings.
    bool ok = dirty == 0 && repeats && e.notFinite == 0 && e.worst <= 2 * (step + outStep);
    const bool smallValues = c.scaleKind == ScaleKind::Tiny;
    const bool underflows = smallValues && c.outType == DataType::Float16;
    const int64_t features = c.transposed ? c.K : c.N;
    if (underflows)
      underflowing++;
    else if (c.type == DataType::Float32)
      ok = ok && relative <= (c.outType == DataType::Float32 ? 1e-5 : outStep);
    else if (c.M * features < 64 || features < 8)
      few++;
    else
      ok = ok && relative <= 1.5 * baseline + 1e-6;
    if (!ok) {
      failures++;
      print("FAILED", c, chosen);
      std::printf(
          "   relative %.3e, seed rounding %.3e, worst %.3e, dirty %llu, repeats %d, not finite "
          "%g\n",
          relative, baseline, e.worst, dirty, repeats, e.notFinite);
    }
    if (smallValues || e.exact == 0) return;
    Total& t = totals[static_cast<int>(c.type)];
    t.cases++;
    t.ours += e.square / e.exact, t.once += e.once / e.exact, t.seed += e.seed / e.exact;
    t.worstError = std::fmax(t.worstError, relative);
    if (baseline > 0) t.worstRatio = std::fmax(t.worstRatio, relative / baseline);
  }

  int arch_ = 0, sms_ = 0;
  Weight weight_;
  Buffer<uint8_t> x_, bias_, out_;
  Buffer<Errors> errors_;
  Buffer<unsigned long long> counts_;
  Buffer<float> workspace_;
  Buffer<uint32_t> counters_;
};

// One random case. Small enough for the oracle, odd enough to meet every edge.
inline Case randomCase(std::mt19937& rng, uint32_t seed) {
  const auto pick = [&](int64_t lo, int64_t hi) {
    return lo + static_cast<int64_t>(rng() % static_cast<uint64_t>(hi - lo + 1));
  };
  const auto of = [&](std::initializer_list<int64_t> list) {
    return list.begin()[rng() % list.size()];
  };
  Case c{};
  c.seed = seed;
  c.M = pick(0, 3) ? pick(1, 140)
                   : of({1, 2, 3, 7, 8, 15, 16, 17, 33, 63, 64, 65, 127, 128, 129, 257, 300});
  c.N = pick(0, 2) ? pick(1, 600) : of({1, 8, 48, 64, 72, 128, 200, 256, 320, 1024, 1100});
  const int64_t g =
      pick(0, 3) ? of({32, 64, 128, 256}) : of({1, 2, 3, 6, 10, 16, 24, 48, 80, 96, 112, 192});
  if (pick(0, 4) == 0) {  // one group a row
    c.K = pick(1, 500) * 2, c.groupSize = c.K;
  } else {
    c.K = g * pick(1, std::max<int64_t>(1, 1200 / g)), c.groupSize = g;
    if (c.K % 2) c.K *= 2;
  }
  c.type = pick(0, 9) == 0 ? DataType::Float32
           : pick(0, 1)    ? DataType::BFloat16
                           : DataType::Float16;
  c.outType = pick(0, 2) ? c.type : static_cast<DataType>(pick(0, 2));
  c.biasType = static_cast<DataType>(pick(0, 2));
  c.bias = pick(0, 3) == 0;
  c.isSigned = pick(0, 1);
  c.transposed = pick(0, 1);
  c.tile = pick(0, 3) == 0 ? -1 : static_cast<int>(pick(0, sm80::kTileCount - 1));
  c.splits = pick(0, 1) ? 1 : static_cast<int>(pick(2, 5));
  c.xOffset = pick(0, 2) ? 0 : pick(0, 9);
  c.xPad = pick(0, 2) ? 0 : of({1, 2, 3, 5, 8, 16, 64});
  c.outPad = pick(0, 2) ? 0 : of({1, 2, 4, 8, 40});
  c.scaleKind = pick(0, 3) ? ScaleKind::Ordinary : static_cast<ScaleKind>(pick(0, 3));
  c.zeroKind = pick(0, 2) ? ZeroKind::Hqq : static_cast<ZeroKind>(pick(0, 4));
  c.mean = pick(0, 5) ? 0.f : 4.f;
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
