#include "error.hpp"

namespace w4a16 {

void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // an allocation that failed must not fail the next launch
  const std::string message =
      std::string(what) + ": " + cudaGetErrorString(error) + " (" + cudaGetErrorName(error) + ")";
  throw RuntimeError(error == cudaErrorMemoryAllocation ? "OUT_OF_MEMORY" : "NATIVE_FAILURE",
                     message);
}

}  // namespace w4a16
