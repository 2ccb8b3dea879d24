// The float32 path for AVX-512 (F, BW, DQ, VL).
#include <immintrin.h>

#include "kernels/job.h"

namespace w4a16 {
namespace {
#include "kernels/vec_avx512.inl"
#include "kernels/rows.inl"
#include "kernels/float_path.inl"

constexpr Path kPath = {"avx512-float32", false, floatPackedBytes, floatScratchBytes, floatPack<Vec>,
                        floatCompute<Vec>};
}  // namespace

extern const Path* const kAvx512Float;
const Path* const kAvx512Float = &kPath;

}  // namespace w4a16
