#include "dense.hpp"

#include <dlfcn.h>

#include <cstdlib>

#include "error.hpp"

namespace w4a16 {

template <typename Function>
static void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (!function) throw RuntimeError("NO_CUBLAS", std::string("cuBLAS has no ") + name);
}

static void require(int status, const char* what) {
  if (status != 0)
    throw RuntimeError("NATIVE_FAILURE",
                       std::string(what) + " gave status " + std::to_string(status));
}

Dense::Dense() {
  const char* wanted = std::getenv("W4A16_CUBLAS");
  void* library = nullptr;
  for (const char* name : {wanted, "libcublas.so.13", "libcublas.so.12"})
    if (name && *name && (library = dlopen(name, RTLD_NOW | RTLD_LOCAL))) break;
  if (!library)
    throw RuntimeError("NO_CUBLAS", "neither libcublas.so.13 nor libcublas.so.12 was found");
  int (*create)(void**) = nullptr;
  find(library, "cublasCreate_v2", create);
  find(library, "cublasDestroy_v2", destroy_);
  find(library, "cublasSetStream_v2", setStream_);
  find(library, "cublasSetWorkspace_v2", setWorkspace_);
  find(library, "cublasGemmEx", gemm_);
  if (create(&handle_) != 0) throw RuntimeError("NO_CUBLAS", "cuBLAS could not be initialized");
}

Dense::~Dense() {
  if (handle_) destroy_(handle_);
}

void Dense::multiply(const FusedProblem& p, const void* weight, void* workspace,
                     size_t workspaceBytes, cudaStream_t stream) {
  if (p.bias || (p.outType != p.xType && p.outType != DataType::Float32))
    throw RuntimeError("NATIVE_FAILURE", "a dense product with a bias or a third data type");
  const auto typeOf = [](DataType t) {
    return t == DataType::Float16 ? 2 : t == DataType::BFloat16 ? 14 : 0;
  };  // cudaDataType
  constexpr int kComputeFloat32 = 68;
  const float one = 1.f, zero = 0.f;
  const int x = typeOf(p.xType), y = typeOf(p.outType), M = static_cast<int>(p.M),
            N = static_cast<int>(p.N), K = static_cast<int>(p.K);
  const int features = p.transposed ? K : N, reduction = p.transposed ? N : K;
  // Row-major products are column-major ones with the operands exchanged: outᵀ = A · xᵀ.
  require(setStream_(handle_, stream), "cublasSetStream");
  // After the stream, which sets it back to memory that cuBLAS allocates as it goes: not under
  // capture.
  require(setWorkspace_(handle_, workspace, workspaceBytes), "cublasSetWorkspace");
  require(gemm_(handle_, p.transposed ? 0 : 1, 0, features, M, reduction, &one, weight, x, K, p.x,
                x, static_cast<int>(p.xStride), &zero, p.out, y, static_cast<int>(p.outStride),
                kComputeFloat32, -1),
          "cublasGemmEx");
}

}  // namespace w4a16
