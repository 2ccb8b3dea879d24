// Failures of the runtime, with a code the TypeScript side turns into a W4A16Error.
#pragma once
#include <cuda_runtime_api.h>

#include <stdexcept>
#include <string>

namespace w4a16 {

class RuntimeError : public std::runtime_error {
 public:
  RuntimeError(std::string code, const std::string& message)
      : std::runtime_error(message), code_(std::move(code)) {}
  const std::string& code() const { return code_; }

 private:
  std::string code_;
};

// Throws what a failed CUDA call means; `what` names the operation.
void check(cudaError_t error, const char* what);

}  // namespace w4a16
