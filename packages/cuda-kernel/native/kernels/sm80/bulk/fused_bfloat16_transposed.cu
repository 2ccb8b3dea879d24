#include "instantiate.cuh"

namespace w4a16::sm80 {
W4A16_BULK_TABLE(kBulkBFloat16Transposed, __nv_bfloat16, true);
}  // namespace w4a16::sm80
