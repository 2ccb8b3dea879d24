#include "instantiate.cuh"

namespace w4a16::sm80 {
W4A16_KERNEL_TABLE(kBFloat16Transposed, __nv_bfloat16, true);
}  // namespace w4a16::sm80
