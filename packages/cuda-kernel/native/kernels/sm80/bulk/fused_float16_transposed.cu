#include "instantiate.cuh"

namespace w4a16::sm80 {
W4A16_BULK_TABLE(kBulkFloat16Transposed, __half, true);
}  // namespace w4a16::sm80
