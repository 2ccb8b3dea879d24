// The JSON file of a bench: what was measured where and how, then one object a candidate and
// problem.
#pragma once
#include <ctime>
#include <fstream>

#include "problem.cuh"
#include "timing.cuh"

// The sources that were measured: the build says (CMakeLists.txt).
#ifndef W4A16_COMMIT
#define W4A16_COMMIT "unknown"
#endif

namespace harness {

// A product that is timed.
struct BenchShape {
  int N, K, G;
  DataType type;
  bool everyKernel;  // or only the chosen one
  std::vector<int> Ms;
};

class ResultsFile {
 public:
  // `path`: null writes nothing. `repeats`: of each candidate.
  ResultsFile(const char* path, int repeats) : file_(path ? std::fopen(path, "w") : nullptr) {
    if (!file_) return;
    cudaDeviceProp device;
    int cuda = 0;
    CUDA_CHECK(cudaGetDeviceProperties(&device, 0));
    CUDA_CHECK(cudaDriverGetVersion(&cuda));
    std::fprintf(file_,
                 "{\"device\": \"%s\", \"driver\": \"%s\", \"cuda\": \"%d.%d\", \"date\": \"%s\", "
                 "\"commit\": \"" W4A16_COMMIT
                 "\", \"method\": \"graph replay, candidates interleaved, 256 MB written or read "
                 "before each run, median of %d, microseconds\", \"results\": [",
                 device.name, driver().c_str(), cuda / 1000, cuda % 1000 / 10, today().c_str(),
                 repeats);
  }
  ResultsFile(const ResultsFile&) = delete;
  ResultsFile& operator=(const ResultsFile&) = delete;
  ~ResultsFile() {
    if (!file_) return;
    std::fprintf(file_, "\n]}\n");
    std::fclose(file_);
  }

  // `more`: further members, as JSON.
  void add(const BenchShape& shape, int M, bool transposed, const std::string& kernel,
           const std::string& more, const Timing& time) {
    if (!file_) return;
    std::fprintf(file_,
                 "%s\n{\"N\": %d, \"K\": %d, \"groupSize\": %d, \"dtype\": \"%s\", \"M\": %d, "
                 "\"direction\": \"%s\", \"kernel\": \"%s\", %s",
                 first_ ? "" : ",", shape.N, shape.K, shape.G, nameOf(shape.type), M,
                 transposed ? "transposed" : "forward", kernel.c_str(), more.c_str());
    first_ = false;
    add("written", time.written), add("clean", time.clean);
    std::fprintf(file_, "}");
    std::fflush(file_);
  }

 private:
  void add(const char* name, const Quantiles& q) {
    std::fprintf(file_, ", \"%s\": {\"p10\": %.2f, \"median\": %.2f, \"p90\": %.2f}", name, q.p10,
                 q.median, q.p90);
  }
  static std::string today() {
    char text[sizeof "2000-01-01"];
    const std::time_t now = std::time(nullptr);
    std::strftime(text, sizeof text, "%Y-%m-%d", std::gmtime(&now));
    return text;
  }
  // "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.159.04  ...": the first word that starts
  // with a digit.
  static std::string driver() {
    std::ifstream file("/proc/driver/nvidia/version");
    for (std::string word; file >> word;)
      if (word[0] >= '0' && word[0] <= '9') return word;
    return "unknown";
  }

  FILE* file_;
  bool first_ = true;
};

// What the products of one shape need: a weight, packed and dense, and room for the largest M.
struct Operands {
  Weight weight;
  Buffer<uint16_t> x, y, dense;
  const Encoding encoding;

  explicit Operands(const BenchShape& shape, Encoding parameters = Encoding::Midpoint)
      : encoding(parameters) {
    weight.make(shape.N, shape.K, shape.G, shape.type, false, ScaleKind::Ordinary, ZeroKind::Hqq,
                11);
    const int64_t elements =
        static_cast<int64_t>(*std::max_element(shape.Ms.begin(), shape.Ms.end())) *
        std::max(shape.N, shape.K);
    x.resize(elements), y.resize(elements);
    dense.resize(static_cast<int64_t>(shape.N) * shape.K);
    fillActivations<<<8192, 256>>>(x.get(), shape.type, 1, elements, elements, 0.f, 99);
    dequantize(dense.get(), 0);
    CUDA_CHECK(cudaDeviceSynchronize());
  }
  FusedProblem product(int M, bool transposed) const {
    return weight.product(x.get(), y.get(), M, transposed, encoding);
  }
  // To a dense weight [N, K] of the activations' type.
  void dequantize(uint16_t* out, cudaStream_t stream) const {
    CUDA_CHECK(w4a16::launchDequantize(weight.packed.get(), weight.table(encoding), encoding, out,
                                       weight.type, weight.outScale(), weight.N, weight.K,
                                       weight.groupSize, stream));
  }
};

}  // namespace harness
