#include "instantiate.cuh"

namespace w4a16::sm80 {
W4A16_BULK_TABLE(kBulkBFloat16Forward, __nv_bfloat16, false);
}  // namespace w4a16::sm80
