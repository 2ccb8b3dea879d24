#include "instantiate.cuh"

namespace w4a16::sm80 {
W4A16_KERNEL_TABLE(kBFloat16Forward, __nv_bfloat16, false);
}  // namespace w4a16::sm80
