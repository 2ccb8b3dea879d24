// Dense products through cuBLAS, loaded at run time where it is found.
#pragma once
#include <cuda_runtime_api.h>

#include "../kernels/fused_problem.hpp"

namespace w4a16 {

class Dense {
 public:
  // Throws RuntimeError "NO_CUBLAS" where the library is not found.
  Dense();
  ~Dense();
  Dense(const Dense&) = delete;
  Dense& operator=(const Dense&) = delete;

  // The problem's product with `weight` [N, K] dense, of the activations' type. Out is of that type
  // or float32, without a bias. `workspace`: `workspaceBytes` of device memory that nothing else
  // uses on other streams.
  void multiply(const FusedProblem& problem, const void* weight, void* workspace,
                size_t workspaceBytes, cudaStream_t stream);

 private:
  void* handle_ = nullptr;
  int (*setStream_)(void*, cudaStream_t) = nullptr;
  int (*setWorkspace_)(void*, void*, size_t) = nullptr;
  int (*destroy_)(void*) = nullptr;
  int (*gemm_)(void*, int, int, int, int, int, const void*, const void*, int, int, const void*, int,
               int, const void*, void*, int, int, int, int) = nullptr;
};

}  // namespace w4a16
