// Times of graph replays, the candidates taking turns, after L2 was filled either
// with written data ("written") or with data only read ("clean").
#pragma once
#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "support.cuh"

namespace harness {

__global__ void writeAll(uint4* p, size_t count, uint32_t v) {
  GRID_STRIDE(i, (int64_t)count) p[i] = make_uint4(v, v, v, v);
}
__global__ void readAll(const uint4* p, size_t count, uint4* sink) {
  uint32_t sum = 0;
  GRID_STRIDE(i, (int64_t)count) {
    const uint4 v = p[i];
    sum += v.x ^ v.y ^ v.z ^ v.w;
  }
  if (sum == 0x12345) *sink = make_uint4(sum, sum, sum, sum);
}

struct Candidate {
  std::string name;
  std::function<void(cudaStream_t)> launch;
};
struct Quantiles {
  float p10, median, p90;
};
struct Timing {
  Quantiles written, clean;
};

class Timer {
 public:
  Timer() : flushed_(kFlushBytes / 16), read_(kFlushBytes / 16) {
    CUDA_CHECK(cudaStreamCreate(&stream_));
    CUDA_CHECK(cudaEventCreate(&begin_));
    CUDA_CHECK(cudaEventCreate(&end_));
    CUDA_CHECK(cudaMemset(read_.get(), 1, kFlushBytes));
  }
  std::vector<Timing> run(const std::vector<Candidate>& candidates, int repeats) {
    std::vector<cudaGraphExec_t> graphs;
    for (const Candidate& c : candidates) graphs.push_back(capture(c));
    std::vector<Timing> timings(candidates.size());
    for (const bool written : {true, false}) {
      std::vector<std::vector<float>> us(candidates.size());
      for (int r = 0; r < repeats + 2; r++)
        for (size_t i = 0; i < candidates.size(); i++) {
          const float t = once(graphs[i], written, r);
          if (r >= 2) us[i].push_back(t);  // the first two warm up
        }
      for (size_t i = 0; i < candidates.size(); i++) {
        std::sort(us[i].begin(), us[i].end());
        const size_t n = us[i].size();
        (written ? timings[i].written : timings[i].clean) = {us[i][n / 10], us[i][n / 2],
                                                             us[i][n * 9 / 10]};
      }
    }
    for (cudaGraphExec_t graph : graphs) cudaGraphExecDestroy(graph);
    return timings;
  }

 private:
  static constexpr size_t kFlushBytes = 256u << 20;

  cudaGraphExec_t capture(const Candidate& candidate) {
    cudaGraph_t graph;
    cudaGraphExec_t executable;
    candidate.launch(stream_);  // outside the capture, so that whatever loads lazily is loaded
    CUDA_CHECK(cudaStreamSynchronize(stream_));
    CUDA_CHECK(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal));
    candidate.launch(stream_);
    CUDA_CHECK(cudaStreamEndCapture(stream_, &graph));
    CUDA_CHECK(cudaGraphInstantiate(&executable, graph, 0));
    CUDA_CHECK(cudaGraphDestroy(graph));
    CUDA_CHECK(cudaGraphUpload(executable, stream_));
    return executable;
  }
  float once(cudaGraphExec_t graph, bool written, uint32_t value) {
    if (written)
      writeAll<<<1024, 256, 0, stream_>>>(flushed_.get(), kFlushBytes / 16, value);
    else
      readAll<<<1024, 256, 0, stream_>>>(read_.get(), kFlushBytes / 16, flushed_.get());
    CUDA_CHECK(cudaEventRecord(begin_, stream_));
    CUDA_CHECK(cudaGraphLaunch(graph, stream_));
    CUDA_CHECK(cudaEventRecord(end_, stream_));
    CUDA_CHECK(cudaEventSynchronize(end_));
    float ms;
    CUDA_CHECK(cudaEventElapsedTime(&ms, begin_, end_));
    return ms * 1000.f;
  }

  cudaStream_t stream_;
  cudaEvent_t begin_, end_;
  Buffer<uint4> flushed_, read_;
};

}  // namespace harness
