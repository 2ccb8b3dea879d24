// One case of a check: a synthetic weight, activations and an output between guards, launches of
// a kernel, and what they left behind.
#pragma once
#include <cmath>
#include <functional>
#include <random>

#include "oracle.cuh"

namespace harness {

struct Setting {
  int64_t M, N, K, groupSize;
  int64_t xOffset, xPad, outOffset, outPad;  // elements before the first row, and between rows
  DataType type, outType, biasType;
  bool isSigned, transposed, bias;
  ScaleKind scaleKind;
  ZeroKind zeroKind;
  float mean;  // of the activations
  uint32_t seed;
  Encoding encoding = Encoding::Midpoint;

  // Whether the stored zero points are numbers of the type, as Encoding::Zero wants them: with
  // signed codes they are raised by 8.
  bool zerosFit() const {
    return !isSigned || (zeroKind != ZeroKind::Hqq && zeroKind != ZeroKind::Wide);
  }
  int64_t features() const { return transposed ? K : N; }
  int64_t reduction() const { return transposed ? N : K; }
};

// `kernel`: which kernel ran, in words.
inline void print(const char* what, const Setting& s, const std::string& kernel) {
  std::printf(
      "%s M %lld N %lld K %lld G %lld %s -> %s %s %s bias %d(%s) %s%s, x offset %lld pad %lld, out "
      "offset %lld pad %lld, scales %d zeros %d mean %g seed %u\n",
      what, (long long)s.M, (long long)s.N, (long long)s.K, (long long)s.groupSize, nameOf(s.type),
      nameOf(s.outType), s.transposed ? "transposed" : "forward", s.isSigned ? "s4" : "u4", s.bias,
      nameOf(s.biasType), kernel.c_str(), s.encoding == Encoding::Zero ? " (zeros)" : "",
      (long long)s.xOffset, (long long)s.xPad, (long long)s.outOffset, (long long)s.outPad,
      (int)s.scaleKind, (int)s.zeroKind, s.mean, s.seed);
}

// The error of one rounding to the type, relative.
inline double roundingStep(DataType type) {
  return type == DataType::Float16 ? 0x1p-11 : type == DataType::BFloat16 ? 0x1p-8 : 0x1p-23;
}

struct Outcome {
  Errors errors;
  unsigned long long dirty;  // bytes written that are no output
  bool repeats;              // every launch gave the same bits

  // Frobenius norm of an error over that of the exact result; absolute where that is zero.
  double relative() const { return ratio(errors.square); }
  double seedRounding() const { return errors.exact > 0 ? ratio(errors.seed) : 0; }
  double cuts() const { return errors.exact > 0 ? ratio(errors.cuts) : 0; }
  bool intact() const { return dirty == 0 && repeats && errors.notFinite == 0; }

  void print() const {
    std::printf(
        "   relative %.3e, seed rounding %.3e, cuts %.3e, worst %.3e, dirty %llu, repeats %d, not "
        "finite %g\n",
        relative(), seedRounding(), cuts(), errors.worst, dirty, repeats, errors.notFinite);
  }

 private:
  double ratio(double square) const {
    return std::sqrt(errors.exact > 0 ? square / errors.exact : square);
  }
};

class Trial {
 public:
  Trial() : errors_(1), counts_(2) {}

  // The problem of a setting, in this trial's memory until the next one.
  FusedProblem prepare(const Setting& s) {
    weight_.make(s.N, s.K, s.groupSize, s.type, s.isSigned, s.scaleKind, s.zeroKind, s.seed);
    const int64_t features = s.features(), reduction = s.reduction();
    const int64_t xStride = reduction + s.xPad, outStride = features + s.outPad;
    const int outElement = dataTypeBytes(s.outType);
    x_.resize((s.M * xStride + s.xOffset + 64) * dataTypeBytes(s.type)), bias_.resize(features * 4);
    rowBytes_ = outStride * outElement, usedBytes_ = features * outElement, rows_ = s.M;
    lead_ = kGuardBytes + s.outOffset * outElement;
    outBytes_ = lead_ + s.M * rowBytes_ + kGuardBytes;
    out_.resize(outBytes_);
    // What lies between the rows of x is NaN: reading it would show.
    CUDA_CHECK(cudaMemsetAsync(x_.get(), 0xFF, x_.bytes()));
    void* x = x_.get() + s.xOffset * dataTypeBytes(s.type);
    fillActivations<<<gridFor(s.M * reduction), 256>>>(x, s.type, s.M, reduction, xStride, s.mean,
                                                       s.seed * 7 + 3);
    fillActivations<<<gridFor(features), 256>>>(bias_.get(), s.biasType, 1, features, features, 0.f,
                                                s.seed * 13 + 1);
    FusedProblem p = weight_.product(x, out_.get() + lead_, s.M, s.transposed, s.encoding);
    p.bias = s.bias ? bias_.get() : nullptr;
    p.xStride = xStride, p.outStride = outStride;
    p.outType = s.outType, p.biasType = s.biasType;
    return p;
  }

  // Launches the kernel so many times on what `prepare` returned. Ends the process if a launch
  // fails: nothing can run after it.
  Outcome run(const Setting& s, const FusedProblem& p, const std::string& kernel, int launches,
              const std::function<cudaError_t()>& launch) {
    Outcome outcome{{}, 0, true};
    unsigned long long first = 0;
    for (int i = 0; i < launches; i++) {
      CUDA_CHECK(cudaMemsetAsync(out_.get(), 0xFF, outBytes_));
      CUDA_CHECK(cudaMemsetAsync(counts_.get(), 0, counts_.bytes()));
      orEnd(launch(), s, kernel);
      inspectOutput<<<gridFor(outBytes_), 256>>>(out_.get(), outBytes_, lead_, rowBytes_,
                                                 usedBytes_, rows_, counts_.get(),
                                                 counts_.get() + 1);
      unsigned long long counts[2];  // dirty, hash
      orEnd(cudaMemcpy(counts, counts_.get(), sizeof counts, cudaMemcpyDeviceToHost), s, kernel);
      outcome.dirty += counts[0];
      if (i == 0) first = counts[1];
      outcome.repeats = outcome.repeats && counts[1] == first;
    }
    CUDA_CHECK(cudaMemsetAsync(errors_.get(), 0, sizeof(Errors)));
    measureErrors<<<gridFor(s.M * s.features()), 256>>>(oracleView(weight_, p), errors_.get());
    CUDA_CHECK(cudaMemcpy(&outcome.errors, errors_.get(), sizeof(Errors), cudaMemcpyDeviceToHost));
    return outcome;
  }

 private:
  static constexpr int64_t kGuardBytes = 256;

  static void orEnd(cudaError_t error, const Setting& s, const std::string& kernel) {
    if (error == cudaSuccess) return;
    harness::print(cudaGetErrorString(error), s, kernel);
    std::exit(4);
  }

  Weight weight_;
  Buffer<uint8_t> x_, bias_, out_;
  Buffer<Errors> errors_;
  Buffer<unsigned long long> counts_;
  int64_t lead_ = 0, rowBytes_ = 0, usedBytes_ = 0, rows_ = 0, outBytes_ = 0;
};

// Random choices for a case.
struct Picker {
  std::mt19937& rng;

  int64_t pick(int64_t lo, int64_t hi) {
    return lo + static_cast<int64_t>(rng() % static_cast<uint64_t>(hi - lo + 1));
  }
  int64_t of(std::initializer_list<int64_t> list) { return list.begin()[rng() % list.size()]; }

  // What values a weight and activations have.
  void values(Setting& s) {
    s.scaleKind = pick(0, 3) ? ScaleKind::Ordinary : static_cast<ScaleKind>(pick(0, 3));
    s.zeroKind = pick(0, 2) ? ZeroKind::Hqq : static_cast<ZeroKind>(pick(0, 4));
    s.mean = pick(0, 5) ? 0.f : 4.f;
  }
};

}  // namespace harness
