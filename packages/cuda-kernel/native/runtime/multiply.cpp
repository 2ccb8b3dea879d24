// Weights and products of a Device.
#include <algorithm>

#include "../kernels/sm80/launch.hpp"
#include "../kernels/sm90a/launch.hpp"
#include "../kernels/simt/fused_float32.hpp"
#include "dense.hpp"
#include "device.hpp"
#include "error.hpp"

namespace w4a16 {

Id Device::loadWeight(int64_t N, int64_t K, int64_t groupSize, bool isSigned, DataType kept,
                      const uint8_t* codes, const float* scales, const float* zeros) {
  const layout::PackedExtent extent(N, K);
  const layout::ParamTable table(N, K, groupSize);
  const size_t codeBytes = static_cast<size_t>(N * K / 2),
               paramBytes = static_cast<size_t>(table.rows * N) * 4;
  // The operands as they come are device buffers for a moment only.
  Id raw[3] = {0, 0, 0};
  Id packed = 0, plain = 0;
  try {
    const void* sources[3] = {codes, scales, zeros};
    for (int i = 0; i < 3; i++) {
      const size_t bytes = i == 0 ? codeBytes : paramBytes;
      raw[i] = allocate(bytes, false);
      upload({raw[i], 0, 1, bytes, bytes}, sources[i]);
    }
    packed = allocate(extent.bytes(), false);
    plain = allocate(table.plainBytes(), false);
    cudaStream_t stream = current().handle;
    Weight made;
    made.N = N, made.K = K, made.groupSize = groupSize;
    made.packed = static_cast<uint8_t*>(buffer(packed).data);
    made.plain = static_cast<float*>(buffer(plain).data);
    made.outScale = float16OutScale(scales, static_cast<size_t>(table.rows * N));
    for (const DataType type : {DataType::Float16, DataType::BFloat16})
      made.zerosFit[static_cast<int>(type)] =
          zerosFit(zeros, static_cast<size_t>(table.rows * N), isSigned, kept, type);
    made.bytes = extent.bytes() + table.plainBytes();
    check(launchRepack(static_cast<const uint8_t*>(buffer(raw[0]).data), made.packed, N, K,
                       isSigned, stream),
          "repacking a weight");
    check(launchPlainParams(static_cast<const float*>(buffer(raw[1]).data),
                            static_cast<const float*>(buffer(raw[2]).data), made.plain, kept, N, K,
                            groupSize, isSigned, stream),
          "building a parameter table");
    for (Id id : raw) free(id);
    // From here on the weight owns them.
    buffers_.erase(packed);
    buffers_.erase(plain);
    bufferBytes_ -= made.bytes;
    weightBytes_ += made.bytes;
    weights_[nextWeight_] = made;
    return nextWeight_++;
  } catch (...) {
    for (Id id : {raw[0], raw[1], raw[2], packed, plain})
      if (id != 0 && buffers_.count(id)) free(id);
    throw;
  }
}

void Device::freeWeight(Id id) {
  activate();
  if (capturing_) throw RuntimeError("CAPTURING", "freeing a weight");
  const Weight freed = weight(id);
  followAll();  // first, as in free()
  weights_.erase(id);
  weightBytes_ -= freed.bytes;
  cudaError_t first = cudaSuccess;
  for (void* data : freed.memory()) {
    const cudaError_t error = data ? cudaFreeAsync(data, streams_.at(0).handle) : cudaSuccess;
    if (first == cudaSuccess) first = error;
  }
  check(first, "freeing a weight");
}

const uint8_t* Device::table(Weight& w, DataType type, Encoding encoding) {
  if (const uint8_t* made = w.tableOf(type, encoding)) return made;
  if (capturing_)
    throw RuntimeError("CAPTURING", "the first product of a weight with activations of a dtype");
  // All that products of this type may need, so that any of them can be captured from now on.
  makeTable(w, type, Encoding::Midpoint);
  if (encodingOf(w, type) == Encoding::Zero) makeTable(w, type, Encoding::Zero);
  return w.tableOf(type, encoding);
}

void Device::makeTable(Weight& w, DataType type, Encoding encoding) {
  if (w.tableOf(type, encoding)) return;
  const layout::ParamTable extent(
      w.N, w.K, w.groupSize,
      encoding == Encoding::Zero ? layout::kHopperEntryBytes : layout::kEntryBytes);
  void* data;
  check(cudaMallocAsync(&data, extent.bytes(), current().handle), "allocating a parameter table");
  uint8_t* const made = static_cast<uint8_t*>(data);
  cudaError_t error = launchParams(w.plain, made, encoding, type, 1.f / w.outScaleOf(type), w.N,
                                   w.K, w.groupSize, current().handle);
  // Other streams may use it next, and know nothing of this one.
  if (error == cudaSuccess && streams_.size() > 1) error = cudaStreamSynchronize(current().handle);
  if (error != cudaSuccess) {
    cudaFreeAsync(made, current().handle);
    check(error, "building a parameter table");
  }
  // Only now: later products use it without asking.
  w.tables[static_cast<int>(type)][static_cast<int>(encoding)] = made;
  w.bytes += extent.bytes();
  weightBytes_ += extent.bytes();
}

Encoding Device::encodingOf(const Weight& w, DataType type) const {
  return withoutHopper_ ? Encoding::Midpoint : w.encodingOf(type);
}

heuristics::Kernel Device::choose(Id id, const FusedProblem& p) {
  // Types, addresses and strides decide only whether a Hopper kernel takes the problem: asked on
  // every call.
  const char* refused = withoutHopper_ ? withoutHopper_ : sm90a::unsupported(p);
  auto& choices = choices_[refused != nullptr];
  const uint64_t key = (id << 32 | static_cast<uint64_t>(p.M & 0x7FFFFFFF)) ^
                       (static_cast<uint64_t>(p.transposed) << 31);
  const auto known = choices.find(key);
  if (known != choices.end()) {
    heuristics::Kernel kernel = known->second;
    if (refused) kernel.notHopper = refused;
    return kernel;
  }
  if (choices.size() > 4096) choices.clear();
  const Shape shape{p.N, p.K, p.groupSize, p.M, p.transposed};
  for (const auto& [tuned, kernel] : tuned_)
    if (tuned == shape && !(refused && !kernel.notHopper)) return choices[key] = kernel;
  return choices[key] = heuristics::chooseKernel(p, refused, arch_, properties_.multiProcessorCount,
                                                 preference_);
}

std::vector<heuristics::Candidate> Device::candidates(const Shape& s) {
  FusedProblem p{};
  p.M = s.M, p.N = s.N, p.K = s.K, p.groupSize = s.groupSize, p.transposed = s.transposed;
  p.xType = p.outType = DataType::BFloat16;
  p.xStride = s.transposed ? s.N : s.K;
  return heuristics::candidates(p, withoutHopper_ ? withoutHopper_ : sm90a::unsupported(p), arch_,
                                properties_.multiProcessorCount, preference_);
}

bool Device::useCandidate(const Shape& shape, const std::string& name) {
  if (capturing_) throw RuntimeError("CAPTURING", "choosing a kernel");
  tuned_.erase(std::remove_if(tuned_.begin(), tuned_.end(),
                              [&](const auto& entry) { return entry.first == shape; }),
               tuned_.end());
  for (auto& known : choices_) known.clear();
  if (name.empty()) return true;
  for (const heuristics::Candidate& candidate : candidates(shape)) {
    if (candidate.name != name) continue;
    tuned_.emplace_back(shape, candidate.kernel);
    return true;
  }
  return false;
}

heuristics::Kernel Device::explain(Id id, bool transposed, int64_t M, DataType xType) {
  const Weight& w = weight(id);
  FusedProblem p{};
  p.M = M, p.N = w.N, p.K = w.K, p.groupSize = w.groupSize, p.xType = p.outType = xType,
  p.transposed = transposed;
  p.xStride = transposed ? w.N : w.K;
  return choose(id, p);
}

Device::Stream& Device::scratch() {
  Stream& s = capturing_ ? capturing_->scratch : current();
  if (s.workspace) return s;
  // Not stream-ordered: under capture that would become part of the graph.
  constexpr size_t kCounterBytes = sm80::kWorkspaceCounters * sizeof(uint32_t);
  void* memory;
  static_assert(kScratchBytes >= sm80::kWorkspaceBytes, "room for partial sums");
  check(cudaMalloc(&memory, kScratchBytes + kCounterBytes), "allocating a workspace");
  void* const counters = static_cast<char*>(memory) + kScratchBytes;
  cudaError_t error = cudaMemset(counters, 0, kCounterBytes);
  // The device's streams do not wait for that one.
  if (error == cudaSuccess) error = cudaStreamSynchronize(nullptr);
  if (error != cudaSuccess) {
    cudaFree(memory);
    check(error, "clearing a workspace");
  }
  // Only now: later products take the counters to be zero.
  s.workspace = static_cast<float*>(memory);
  s.counters = static_cast<uint32_t*>(counters);
  return s;
}

void Device::freeScratch(Stream& s) {
  cudaFree(s.workspace);
  s.workspace = nullptr, s.counters = nullptr;
  cudaGetLastError();  // must not fail the next launch
}

void* Device::address(const Operand& operand, size_t bytes) {
  if (operand.buffer == 0) return nullptr;
  const Buffer& b = buffer(operand.buffer);
  if (operand.offset + bytes > b.bytes)
    throw RuntimeError("NATIVE_FAILURE", "an operand past the end of its buffer");
  return static_cast<char*>(b.data) + operand.offset;
}

// Bytes from an operand's first element to the end of its last row.
static size_t extentOf(const Operand& o, int64_t rows, int64_t width) {
  return static_cast<size_t>((rows - 1) * o.stride + width) * dataTypeBytes(o.type);
}

void Device::matmul(Id id, bool transposed, int64_t M, const Operand& x, const Operand& out,
                    const Operand& bias, Strategy strategy) {
  activate();
  Weight& w = weight(id);
  const int64_t features = transposed ? w.K : w.N, reduction = transposed ? w.N : w.K;
  if (M == 0) return;
  FusedProblem p{w.packed,
                 nullptr,
                 address(x, extentOf(x, M, reduction)),
                 address(out, extentOf(out, M, features)),
                 address(bias, static_cast<size_t>(features) * dataTypeBytes(bias.type)),
                 x.stride,
                 out.stride,
                 M,
                 w.N,
                 w.K,
                 w.groupSize,
                 x.type,
                 out.type,
                 bias.type,
                 transposed,
                 w.outScaleOf(x.type)};
  if (strategy == Strategy::Dequantize) return dequantizeAndMultiply(w, p);
  if (x.type == DataType::Float32) {
    p.params = w.tableOf(x.type, p.encoding);
    return check(launchFusedFloat32(p, current().handle), "launching the float32 kernel");
  }
  const heuristics::Kernel kernel = choose(id, p);
  if (!kernel.notHopper) p.encoding = encodingOf(w, x.type);
  p.params = table(w, x.type, p.encoding);
  if (!kernel.notHopper) {
    const bool split = sm90a::workspaceBytes(kernel.hopper) > 0;
    const Stream& s = split ? scratch() : current();
    return check(sm90a::launchFused(p, kernel.hopper, s.workspace, s.counters, current().handle),
                 "launching the Hopper kernel");
  }
  const heuristics::Choice choice = kernel.portable;
  if (choice.tile < 0)
    throw RuntimeError("NATIVE_FAILURE", "no kernel fits this device's shared memory");
  FusedPlan plan{choice.tile, choice.splits, nullptr, nullptr};
  if (choice.splits > 1) {
    Stream& s = scratch();
    plan.workspace = s.workspace, plan.counters = s.counters;
  }
  check(sm80::launchFused(p, plan, arch_, current().handle), "launching the fused kernel");
}

void Device::dequantize(Id id, DataType type, Id target) {
  activate();
  Weight& w = weight(id);
  const Encoding encoding = encodingOf(w, type);
  const uint8_t* params = table(w, type, encoding);
  if (buffer(target).bytes < static_cast<size_t>(w.N * w.K) * dataTypeBytes(type))
    throw RuntimeError("NATIVE_FAILURE", "the buffer is too small");
  check(launchDequantize(w.packed, params, encoding, buffer(target).data, type, w.outScaleOf(type),
                         w.N, w.K, w.groupSize, current().handle),
        "dequantizing a weight");
}

void Device::requireDense() {
  activate();
  if (!dense_) dense_ = std::make_unique<Dense>();
}

void Device::multiplyDense(const FusedProblem& p, const void* dense) {
  requireDense();
  dense_->multiply(p, dense, scratch().workspace, kScratchBytes, current().handle);
}

void Device::matmulDense(Id weight, int64_t N, int64_t K, bool transposed, int64_t M,
                         const Operand& x, const Operand& out) {
  activate();
  if (M == 0) return;
  const int64_t features = transposed ? K : N, reduction = transposed ? N : K;
  const Operand dense{weight, 0, K, x.type};
  FusedProblem p{};
  p.x = address(x, extentOf(x, M, reduction)), p.out = address(out, extentOf(out, M, features));
  p.xStride = x.stride, p.outStride = out.stride, p.M = M, p.N = N, p.K = K, p.xType = x.type,
  p.outType = out.type, p.transposed = transposed;
  multiplyDense(p, address(dense, extentOf(dense, N, K)));
}

// Dequantizes into a scratch buffer of 2·N·K bytes, then multiplies by cuBLAS.
void Device::dequantizeAndMultiply(Weight& w, const FusedProblem& p) {
  requireDense();
  constexpr Encoding encoding = Encoding::Midpoint;  // dequantized faster (51 against 60 µs in all)
  const uint8_t* params = table(w, p.xType, encoding);
  void* dense;
  check(cudaMallocAsync(&dense, static_cast<size_t>(w.N * w.K) * dataTypeBytes(p.xType),
                        current().handle),
        "allocating the dense weight");
  try {
    check(launchDequantize(w.packed, params, encoding, dense, p.xType, p.outScale, w.N, w.K,
                           w.groupSize, current().handle),
          "dequantizing a weight");
    multiplyDense(p, dense);
  } catch (...) {
    cudaFreeAsync(dense, current().handle);
    throw;
  }
  check(cudaFreeAsync(dense, current().handle), "freeing the dense weight");
}

}  // namespace w4a16
