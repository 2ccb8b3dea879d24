// One opened device: its streams, and everything allocated for it, by number. Numbers are
// never reused, so a stale one is an error and never someone else's memory. 64 bits: a server that
// allocates 20,000 outputs a second has used up 32 of them after 60 hours.
#pragma once
#include <cuda_runtime_api.h>

#include <string>
#include <unordered_map>

#include "../heuristics/candidates.hpp"
#include "../kernels/fused_problem.hpp"
#include "staging.hpp"
#include "weight.hpp"

namespace w4a16 {

using Id = uint64_t;

// Rows of a matrix in a buffer, in bytes.
struct Region {
  Id buffer;
  size_t offset, rows, rowBytes, stride;
  size_t bytes() const { return rows * rowBytes; }
};

// A vector or matrix operand: where it begins, and elements from row to row.
struct Operand {
  Id buffer = 0;  // 0: none
  size_t offset = 0;
  int64_t stride = 0;
  DataType type = DataType::Float32;
};

// What the choice of a kernel depends on, beside the device.
struct Shape {
  int64_t N, K, groupSize, M;
  bool transposed;
  bool operator==(const Shape& o) const {
    return N == o.N && K == o.K && groupSize == o.groupSize && M == o.M &&
           transposed == o.transposed;
  }
};

enum class Strategy { Fused, Dequantize };

// A stream's scratch memory: room for the partial sums of either fused kernel, and for what cuBLAS
// asks for on Hopper.
constexpr size_t kScratchBytes = 32 << 20;

class Dense;

class Device {
 public:
  explicit Device(int ordinal, heuristics::Preference preference);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  // Buffers are allocated and freed in stream order.
  Id allocate(size_t bytes, bool zero);
  void free(Id buffer);
  // Copies rows in before it returns from the caller's point of view: `data` may change at once.
  void upload(const Region& region, const void* data);
  // Enqueues a copy of the rows as they are now; finishDownload waits for it, on any thread.
  std::unique_ptr<StagingBlock> startDownload(const Region& region);
  void finishDownload(std::unique_ptr<StagingBlock> block, void* into, size_t bytes);

  Id loadWeight(int64_t N, int64_t K, int64_t groupSize, bool isSigned, DataType kept,
                const uint8_t* codes, const float* scales, const float* zeros);
  void freeWeight(Id weight);
  void matmul(Id weight, bool transposed, int64_t M, const Operand& x, const Operand& out,
              const Operand& bias, Strategy strategy);
  // The product of a dense weight [N, K] in a buffer, of the type of x, through cuBLAS. As
  // Dense::multiply().
  void matmulDense(Id weight, int64_t N, int64_t K, bool transposed, int64_t M, const Operand& x,
                   const Operand& out);
  // Throws RuntimeError "NO_CUBLAS" where there are no dense products.
  void requireDense();
  // The dense values the 16-bit kernels multiply by, [N, K], into a buffer.
  void dequantize(Id weight, DataType type, Id buffer);
  // Which kernel a product of M contiguous rows of a 16-bit type would use.
  heuristics::Kernel explain(Id weight, bool transposed, int64_t M, DataType xType);
  // The kernels that could compute products of a shape, 16-bit activations and contiguous rows;
  // the models' choice first.
  std::vector<heuristics::Candidate> candidates(const Shape& shape);
  // Products of the shape use the candidate of that name from now on, wherever it takes them; with
  // no name, what the models choose. False where there is none of that name.
  bool useCandidate(const Shape& shape, const std::string& name);
  // Why no product gets a Hopper kernel; null if some do.
  const char* withoutHopper() const { return withoutHopper_; }

  // What the device does at most; kernels/probe/.
  void probeFill(Id buffer, DataType type);
  void probeRead(Id buffer, int passes);
  double probeMultiplyAdd(Id sink, DataType type);

  Id createStream();
  void destroyStream(Id stream);
  void useStream(Id stream);  // what follows is enqueued there; 0: the device's own
  Id createEvent();
  void destroyEvent(Id event);
  void recordEvent(Id event);
  void waitEvent(Id event);  // the current stream waits for it
  cudaEvent_t event(Id event) const;
  void beginCapture();
  Id endCapture();
  void abandonCapture();
  void launchGraph(Id graph);
  void destroyGraph(Id graph);

  // An event after all that is enqueued on every stream, for a thread to wait on.
  std::unique_ptr<StagingBlock> fence();

  size_t weightBytes() const { return weightBytes_; }
  size_t bufferBytes() const { return bufferBytes_; }
  void memoryInfo(size_t* free, size_t* total) const;

 private:
  struct Buffer {
    void* data;
    size_t bytes;
  };
  struct Stream {
    cudaStream_t handle = nullptr;
    // Of any kernel, made on first use: kScratchBytes, and behind them sm80::kWorkspaceCounters.
    float* workspace = nullptr;
    uint32_t* counters = nullptr;
  };
  struct Graph {
    cudaGraphExec_t executable = nullptr;
    Stream scratch;  // a graph has its own: it may be replayed beside other work of its stream
  };

  void activate() const;
  Stream& current() { return streams_.at(current_); }
  // Whose workspace a launch may use: the capture's under way or the stream's, made on first use.
  Stream& scratch();
  void waitForAllStreams();
  // What the first stream is given from now on waits for what every stream has been given so far:
  // memory can then be freed there.
  void followAll();
  // Records the block's event behind copies that ended with `error`, on the current stream. Throws
  // if either failed, once no copy uses the block any more.
  void finishCopies(StagingBlock& block, cudaError_t error, const char* what);
  // What `later` is given from now on waits for what `earlier` has been given so far.
  static void follow(cudaStream_t later, cudaStream_t earlier);
  void* address(const Operand& operand, size_t bytes);
  Buffer& buffer(Id id);
  Weight& weight(Id id);
  // A weight's table, made on first use.
  const uint8_t* table(Weight& weight, DataType type, Encoding encoding);
  void makeTable(Weight& weight, DataType type, Encoding encoding);
  // Which one the device's best kernels read.
  Encoding encodingOf(const Weight& weight, DataType type) const;
  heuristics::Kernel choose(Id weight, const FusedProblem& problem);
  void dequantizeAndMultiply(Weight& weight, const FusedProblem& problem);
  void multiplyDense(const FusedProblem& problem, const void* dense);
  static void freeScratch(Stream& stream);

  int ordinal_;
  int arch_ = 0;
  heuristics::Preference preference_;
  const char* withoutHopper_ = nullptr;
  cudaDeviceProp properties_{};
  StagingPool staging_;
  std::unordered_map<Id, Stream> streams_;
  std::unordered_map<Id, Buffer> buffers_;
  std::unordered_map<Id, Weight> weights_;
  std::unordered_map<Id, cudaEvent_t> events_;
  std::unordered_map<Id, Graph> graphs_;
  // Of problems that Hopper kernels take, and of others.
  std::unordered_map<uint64_t, heuristics::Kernel> choices_[2];
  std::vector<std::pair<Shape, heuristics::Kernel>> tuned_;
  std::unique_ptr<Dense> dense_;
  std::unique_ptr<Graph> capturing_;
  Id current_ = 0, next_ = 1;
  uint32_t nextWeight_ = 1;  // 32 bits: a part of the keys of choices_
  size_t weightBytes_ = 0, bufferBytes_ = 0;
};

}  // namespace w4a16
