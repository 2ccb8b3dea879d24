#include "instantiate.cuh"

namespace w4a16::sm80 {
W4A16_KERNEL_TABLE(kFloat16Forward, __half, false);
}  // namespace w4a16::sm80
