#include "tensor_map.hpp"

#include <cudaTypedefs.h>

namespace w4a16::sm90a {
namespace {

// The driver's function, found through the runtime: nothing links against the driver.
PFN_cuTensorMapEncodeTiled_v12000 encodeFunction() {
  static const PFN_cuTensorMapEncodeTiled_v12000 function = [] {
    void* entry = nullptr;
    cudaDriverEntryPointQueryResult found;
    const cudaError_t error = cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &entry,
                                                               12000, cudaEnableDefault, &found);
    return error == cudaSuccess && found == cudaDriverEntryPointSuccess
               ? reinterpret_cast<PFN_cuTensorMapEncodeTiled_v12000>(entry)
               : nullptr;
  }();
  return function;
}

}  // namespace

bool boxedActivations(const FusedProblem& p) {
  return (p.transposed ? p.N : p.K) % layout::kTileSize == 0;
}

int activationRows(const FusedProblem& p, const Shape& shape) {
  return static_cast<int>(p.M < shape.loadTokens()
                              ? roundUp<int64_t>(p.M, 8)
                              : shape.loadTokens());  // the swizzle repeats every 8 rows
}

cudaError_t mapActivations(const FusedProblem& p, const Shape& shape, CUtensorMap* map) {
  const PFN_cuTensorMapEncodeTiled_v12000 encode = encodeFunction();
  if (!encode) return cudaErrorNotSupported;
  const bool boxed = boxedActivations(p);
  const cuuint64_t reduction = p.transposed ? p.N : p.K, tokens = p.M;
  const cuuint64_t rowBytes = p.M == 1 ? roundUp<cuuint64_t>(reduction * 2, 16)
                                       : p.xStride * 2;  // a single row has no next
  const cuuint64_t extents[3] = {boxed ? 64 : reduction, tokens, boxed ? reduction / 64 : 1};
  const cuuint64_t strides[2] = {rowBytes, boxed ? 128 : rowBytes};
  const cuuint32_t box[3] = {64, static_cast<cuuint32_t>(activationRows(p, shape)),
                             boxed ? static_cast<cuuint32_t>(shape.chunks) : 1};
  const cuuint32_t steps[3] = {1, 1, 1};
  const CUresult result =
      encode(map,
             p.xType == DataType::Float16 ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16
                                          : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16,
             3, const_cast<void*>(p.x), extents, strides, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
             CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
             CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  return result == CUDA_SUCCESS ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t mapOutput(const FusedProblem& p, const Shape& shape, CUtensorMap* map) {
  const PFN_cuTensorMapEncodeTiled_v12000 encode = encodeFunction();
  if (!encode) return cudaErrorNotSupported;
  const cuuint64_t features = p.transposed ? p.K : p.N;
  const cuuint64_t extents[2] = {features, static_cast<cuuint64_t>(p.M)};
  const cuuint64_t strides[1] = {p.M == 1 ? roundUp<cuuint64_t>(features * 2, 16)
                                          : p.outStride * 2};
  const cuuint32_t box[2] = {64, static_cast<cuuint32_t>(shape.boxTokens())};
  const cuuint32_t steps[2] = {1, 1};
  const CUresult result =
      encode(map,
             p.outType == DataType::Float16 ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16
                                            : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16,
             2, p.out, extents, strides, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
             CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_NONE,
             CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  return result == CUDA_SUCCESS ? cudaSuccess : cudaErrorInvalidValue;
}

}  // namespace w4a16::sm90a
