// Streams, events and graphs of a Device.
#include "device.hpp"
#include "error.hpp"

namespace w4a16 {

template <typename Map>
static auto& entry(Map& map, Id id, const char* what) {
  const auto found = map.find(id);
  if (found == map.end())
    throw RuntimeError("NATIVE_FAILURE",
                       std::string("there is no ") + what + " " + std::to_string(id));
  return found->second;
}

Id Device::createStream() {
  activate();
  if (capturing_) throw RuntimeError("CAPTURING", "creating a stream");
  Stream made;
  check(cudaStreamCreateWithFlags(&made.handle, cudaStreamNonBlocking), "creating a stream");
  // While there was one stream, nothing waited for the tables it was still building.
  try {
    for (auto& [id, stream] : streams_) follow(made.handle, stream.handle);
  } catch (...) {
    cudaStreamDestroy(made.handle);
    throw;
  }
  streams_[next_] = made;
  return next_++;
}

void Device::destroyStream(Id id) {
  activate();
  Stream gone = entry(streams_, id, "stream");
  if (current_ == id) current_ = 0;
  // First: if it fails, the stream stays known, and goes with the device.
  check(cudaStreamSynchronize(gone.handle), "waiting for a stream");
  streams_.erase(id);
  freeScratch(gone);
  check(cudaStreamDestroy(gone.handle), "destroying a stream");
}

void Device::useStream(Id id) {
  if (capturing_) throw RuntimeError("CAPTURING", "changing the stream");
  entry(streams_, id, "stream");
  current_ = id;
}

Id Device::createEvent() {
  activate();
  cudaEvent_t made;
  check(cudaEventCreateWithFlags(&made, cudaEventBlockingSync), "creating an event");
  events_[next_] = made;
  return next_++;
}

cudaEvent_t Device::event(Id id) const {
  return entry(events_, id, "event");
}

void Device::destroyEvent(Id id) {
  activate();
  const cudaEvent_t gone = event(id);
  events_.erase(id);
  check(cudaEventDestroy(gone), "destroying an event");
}

void Device::recordEvent(Id id) {
  activate();
  // The event would stand for a node of the graph, and nothing outside could use it any more.
  if (capturing_) throw RuntimeError("CAPTURING", "recording an event");
  check(cudaEventRecord(event(id), current().handle), "recording an event");
}

void Device::waitEvent(Id id) {
  activate();
  // A graph cannot wait for what was enqueued before it.
  if (capturing_) throw RuntimeError("CAPTURING", "waiting for an event");
  check(cudaStreamWaitEvent(current().handle, event(id), 0), "waiting for an event");
}

void Device::beginCapture() {
  activate();
  if (capturing_) throw RuntimeError("CAPTURING", "capturing a graph inside another");
  // Relaxed: a workspace may have to be allocated on the way.
  check(cudaStreamBeginCapture(current().handle, cudaStreamCaptureModeRelaxed),
        "beginning a capture");
  capturing_ = std::make_unique<Graph>();
}

void Device::abandonCapture() {
  if (!capturing_) return;
  cudaSetDevice(ordinal_);  // what was captured may have used another device in between
  cudaGraph_t graph = nullptr;
  cudaStreamEndCapture(current().handle, &graph);
  if (graph) cudaGraphDestroy(graph);
  cudaGetLastError();
  freeScratch(capturing_->scratch);
  capturing_.reset();
}

Id Device::endCapture() {
  activate();
  if (!capturing_) throw RuntimeError("NATIVE_FAILURE", "no capture is under way");
  std::unique_ptr<Graph> made = std::move(capturing_);
  cudaGraph_t graph = nullptr;
  cudaError_t error = cudaStreamEndCapture(current().handle, &graph);
  if (error == cudaSuccess) {
    error = cudaGraphInstantiate(&made->executable, graph, 0);
    cudaGraphDestroy(graph);
  }
  if (error == cudaSuccess) error = cudaGraphUpload(made->executable, current().handle);
  if (error != cudaSuccess) {
    if (made->executable) cudaGraphExecDestroy(made->executable);
    freeScratch(made->scratch);
    check(error, "capturing a graph");
  }
  graphs_[next_] = *made;
  return next_++;
}

void Device::launchGraph(Id id) {
  activate();
  // Inside another it would outlive its scratch memory.
  if (capturing_) throw RuntimeError("CAPTURING", "launching a graph");
  check(cudaGraphLaunch(entry(graphs_, id, "graph").executable, current().handle),
        "launching a graph");
}

void Device::destroyGraph(Id id) {
  activate();
  Graph gone = entry(graphs_, id, "graph");
  waitForAllStreams();  // a replay may be under way; first, as in destroyStream()
  graphs_.erase(id);
  const cudaError_t error = cudaGraphExecDestroy(gone.executable);
  freeScratch(gone.scratch);
  check(error, "destroying a graph");
}

}  // namespace w4a16
