// cuBLAS, loaded at run time: the dense baseline.
#pragma once
#include <dlfcn.h>

#include "support.cuh"

namespace harness {

class Dense {
 public:
  Dense() : workspace_(64 << 20) {
    void* library = nullptr;
    const char* wanted = std::getenv("W4A16_CUBLAS");
    for (const char* name :
         {wanted ? wanted : "libcublas.so.13", "libcublas.so.13", "libcublas.so.12"})
      if ((library = dlopen(name, RTLD_NOW | RTLD_LOCAL))) break;
    if (!library) {
      std::printf("no cuBLAS: %s\n", dlerror());
      return;
    }
    const auto create = reinterpret_cast<int (*)(void**)>(dlsym(library, "cublasCreate_v2"));
    const auto setWorkspace =
        reinterpret_cast<int (*)(void*, void*, size_t)>(dlsym(library, "cublasSetWorkspace_v2"));
    setStream_ =
        reinterpret_cast<int (*)(void*, cudaStream_t)>(dlsym(library, "cublasSetStream_v2"));
    gemm_ = reinterpret_cast<Gemm>(dlsym(library, "cublasGemmEx"));
    if (create(&handle_) != 0) {
      std::printf("cuBLAS: no handle\n");
      handle_ = nullptr;
      return;
    }
    setWorkspace(handle_, workspace_.get(), workspace_.bytes());
  }
  bool available() const { return handle_ != nullptr; }

  // out[M, features] = x[M, reduction] · Wᵀ or · W; W is [N, K], everything contiguous and of
  // `type`.
  void run(bool transposed, int M, int N, int K, const void* x, const void* w, void* out,
           DataType type, cudaStream_t stream) const {
    const float one = 1.f, zero = 0.f;
    const int t = type == DataType::Float16 ? 2 : 14;  // CUDA_R_16F, CUDA_R_16BF
    setStream_(handle_, stream);
    const int status =
        transposed
            ? gemm_(handle_, 0, 0, K, M, N, &one, w, t, K, x, t, N, &zero, out, t, K, 68, -1)
            : gemm_(handle_, 1, 0, N, M, K, &one, w, t, K, x, t, K, &zero, out, t, N, 68, -1);
    if (status != 0) std::printf("cuBLAS status %d\n", status);
  }

 private:
  using Gemm = int (*)(void*, int, int, int, int, int, const void*, const void*, int, int,
                       const void*, int, int, const void*, void*, int, int, int, int);
  void* handle_ = nullptr;
  int (*setStream_)(void*, cudaStream_t) = nullptr;
  Gemm gemm_ = nullptr;
  Buffer<uint8_t> workspace_;
};

}  // namespace harness
