#include "device.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "../kernels/sm80/launch.hpp"
#include "dense.hpp"
#include "error.hpp"

namespace w4a16 {

Device::Device(int ordinal, heuristics::Preference preference)
    : ordinal_(ordinal), preference_(preference) {
  check(cudaSetDevice(ordinal), "selecting the device");
  check(cudaGetDeviceProperties(&properties_, ordinal), "reading the device's properties");
  if (properties_.major < 8)
    throw RuntimeError("UNSUPPORTED_DEVICE", std::string(properties_.name) +
                                                 " has compute capability " +
                                                 std::to_string(properties_.major) + "." +
                                                 std::to_string(properties_.minor));
  check(sm80::compiledArch(&arch_), "loading the kernels");
  withoutHopper_ = heuristics::withoutHopper(properties_.major, properties_.minor, preference);
  if (withoutHopper_ && preference == heuristics::Preference::Hopper)
    throw RuntimeError("NO_HOPPER", withoutHopper_);
  // Freed memory stays in the pool: an output a call would otherwise cost a trip to the driver.
  cudaMemPool_t pool;
  check(cudaDeviceGetDefaultMemPool(&pool, ordinal), "finding the memory pool");
  uint64_t threshold = UINT64_MAX;
  check(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &threshold),
        "setting up the memory pool");
  Stream main;
  check(cudaStreamCreateWithFlags(&main.handle, cudaStreamNonBlocking), "creating a stream");
  streams_[0] = main;
}

Device::~Device() {
  // Nothing here may throw: an environment that ends takes its devices along, whatever state they
  // are in.
  cudaSetDevice(ordinal_);
  if (capturing_) {
    cudaGraph_t graph = nullptr;
    cudaStreamEndCapture(streams_.at(current_).handle, &graph);
    if (graph) cudaGraphDestroy(graph);
    freeScratch(capturing_->scratch);
  }
  for (auto& [id, stream] : streams_) cudaStreamSynchronize(stream.handle);
  dense_.reset();
  for (auto& [id, graph] : graphs_) {
    cudaGraphExecDestroy(graph.executable);
    freeScratch(graph.scratch);
  }
  cudaStream_t main = streams_.at(0).handle;
  for (auto& [id, b] : buffers_) cudaFreeAsync(b.data, main);
  for (auto& [id, w] : weights_)
    for (void* data : w.memory())
      if (data) cudaFreeAsync(data, main);
  for (auto& [id, event] : events_) cudaEventDestroy(event);
  cudaStreamSynchronize(main);
  for (auto& [id, stream] : streams_) {
    freeScratch(stream);
    cudaStreamDestroy(stream.handle);
  }
  cudaMemPool_t pool;
  if (cudaDeviceGetDefaultMemPool(&pool, ordinal_) == cudaSuccess) cudaMemPoolTrimTo(pool, 0);
  cudaGetLastError();
}

void Device::activate() const {
  int now;  // asking costs half of setting
  if (cudaGetDevice(&now) == cudaSuccess && now == ordinal_) return;
  check(cudaSetDevice(ordinal_), "selecting the device");
}

Device::Buffer& Device::buffer(Id id) {
  const auto found = buffers_.find(id);
  if (found == buffers_.end())
    throw RuntimeError("NATIVE_FAILURE", "there is no buffer " + std::to_string(id));
  return found->second;
}

Weight& Device::weight(Id id) {
  const auto found = weights_.find(id);
  if (found == weights_.end())
    throw RuntimeError("NATIVE_FAILURE", "there is no weight " + std::to_string(id));
  return found->second;
}

Id Device::allocate(size_t bytes, bool zero) {
  activate();
  if (capturing_) throw RuntimeError("CAPTURING", "allocating a tensor");
  Buffer made{nullptr, bytes};
  check(cudaMallocAsync(&made.data, bytes ? bytes : 1, current().handle),
        "allocating device memory");
  if (zero && bytes) {
    const cudaError_t error = cudaMemsetAsync(made.data, 0, bytes, current().handle);
    if (error != cudaSuccess) {
      cudaFreeAsync(made.data, current().handle);
      check(error, "clearing device memory");
    }
  }
  buffers_[next_] = made;
  bufferBytes_ += bytes;
  return next_++;
}

void Device::follow(cudaStream_t later, cudaStream_t earlier) {
  cudaEvent_t passed;
  check(cudaEventCreateWithFlags(&passed, cudaEventDisableTiming), "creating an event");
  cudaError_t error = cudaEventRecord(passed, earlier);
  if (error == cudaSuccess) error = cudaStreamWaitEvent(later, passed, 0);
  const cudaError_t destroyed = cudaEventDestroy(passed);
  check(error != cudaSuccess ? error : destroyed, "making a stream wait for another");
}

void Device::followAll() {
  for (auto& [id, stream] : streams_)
    if (id != 0) follow(streams_.at(0).handle, stream.handle);
}

void Device::free(Id id) {
  activate();
  if (capturing_) throw RuntimeError("CAPTURING", "freeing a tensor");
  const Buffer freed = buffer(id);
  followAll();  // first: if it fails, the buffer stays known, and goes with the device
  buffers_.erase(id);
  bufferBytes_ -= freed.bytes;
  check(cudaFreeAsync(freed.data, streams_.at(0).handle), "freeing device memory");
}

// A region without gaps is a run of bytes, which may be cut anywhere.
static Region withoutRows(const Region& r) {
  if (r.rows == 1 || r.stride == r.rowBytes) return {r.buffer, r.offset, r.bytes(), 1, 1};
  return r;
}

// Copies of two dimensions are limited in the bytes from row to row.
static cudaError_t copyRows(char* to, size_t toStride, const char* from, size_t fromStride,
                            size_t rowBytes, size_t rows, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  if (toStride == rowBytes && fromStride == rowBytes)
    return cudaMemcpyAsync(to, from, rows * rowBytes, kind, stream);
  if (toStride <= INT32_MAX && fromStride <= INT32_MAX)
    return cudaMemcpy2DAsync(to, toStride, from, fromStride, rowBytes, rows, kind, stream);
  cudaError_t error = cudaSuccess;
  for (size_t row = 0; row < rows && error == cudaSuccess; row++)
    error = cudaMemcpyAsync(to + row * toStride, from + row * fromStride, rowBytes, kind, stream);
  return error;
}

void Device::finishCopies(StagingBlock& block, cudaError_t error, const char* what) {
  if (error == cudaSuccess) error = cudaEventRecord(block.done, current().handle);
  if (error == cudaSuccess) return;
  // Some copies may be under way, which the block's event knows nothing of.
  cudaStreamSynchronize(current().handle);
  check(error, what);
}

void Device::upload(const Region& asked, const void* data) {
  activate();
  // It would become part of the graph, and each replay would copy from a block used for other data.
  if (capturing_) throw RuntimeError("CAPTURING", "writing a tensor");
  const Buffer& target = buffer(asked.buffer);
  if (asked.bytes() == 0) return;
  const Region region = withoutRows(asked);
  if (region.offset + (region.rows - 1) * region.stride + region.rowBytes > target.bytes)
    throw RuntimeError("NATIVE_FAILURE", "a copy past the end of a buffer");
  // In pieces: page-locked memory is dear, and the first piece's copy overlaps filling the second.
  constexpr size_t kPiece = 8 << 20;
  const size_t rowsAtOnce = region.rowBytes >= kPiece ? 1 : kPiece / region.rowBytes;
  for (size_t row = 0; row < region.rows; row += rowsAtOnce) {
    const size_t rows = std::min(rowsAtOnce, region.rows - row);
    std::unique_ptr<StagingBlock> block = staging_.acquire(rows * region.rowBytes);
    std::memcpy(block->data, static_cast<const char*>(data) + row * region.rowBytes,
                rows * region.rowBytes);
    finishCopies(*block,
                 copyRows(static_cast<char*>(target.data) + region.offset + row * region.stride,
                          region.stride, static_cast<char*>(block->data), region.rowBytes,
                          region.rowBytes, rows, cudaMemcpyHostToDevice, current().handle),
                 "copying to the device");
    staging_.giveBack(std::move(block));
  }
}

std::unique_ptr<StagingBlock> Device::startDownload(const Region& asked) {
  activate();
  if (capturing_) throw RuntimeError("CAPTURING", "reading a tensor");
  const Buffer& source = buffer(asked.buffer);
  const Region region = withoutRows(asked);
  if (region.bytes() > 0 &&
      region.offset + (region.rows - 1) * region.stride + region.rowBytes > source.bytes)
    throw RuntimeError("NATIVE_FAILURE", "a copy past the end of a buffer");
  std::unique_ptr<StagingBlock> block = staging_.acquire(region.bytes());
  cudaError_t error = cudaSuccess;
  if (region.bytes() > 0)
    error = copyRows(static_cast<char*>(block->data), region.rowBytes,
                     static_cast<const char*>(source.data) + region.offset, region.stride,
                     region.rowBytes, region.rows, cudaMemcpyDeviceToHost, current().handle);
  finishCopies(*block, error, "copying from the device");
  return block;
}

void Device::finishDownload(std::unique_ptr<StagingBlock> block, void* into, size_t bytes) {
  // This thread's current device may be another one, where CUDA would make a context of its own:
  // hundreds of megabytes of a GPU that nobody opened.
  activate();
  check(cudaEventSynchronize(block->done), "waiting for the device");
  if (bytes) std::memcpy(into, block->data, bytes);
  staging_.giveBack(std::move(block));
}

std::unique_ptr<StagingBlock> Device::fence() {
  activate();
  if (capturing_) throw RuntimeError("CAPTURING", "waiting for the device");
  std::unique_ptr<StagingBlock> block = staging_.acquire(0);
  Stream& main = streams_.at(0);
  for (auto& [id, stream] : streams_) {
    if (id == 0) continue;
    check(cudaEventRecord(block->done, stream.handle), "recording an event");
    check(cudaStreamWaitEvent(main.handle, block->done, 0), "waiting for an event");
  }
  check(cudaEventRecord(block->done, main.handle), "recording an event");
  return block;
}

void Device::waitForAllStreams() {
  for (auto& [id, stream] : streams_)
    check(cudaStreamSynchronize(stream.handle), "waiting for the device");
}

void Device::memoryInfo(size_t* free, size_t* total) const {
  activate();
  check(cudaMemGetInfo(free, total), "reading memory statistics");
}

}  // namespace w4a16
