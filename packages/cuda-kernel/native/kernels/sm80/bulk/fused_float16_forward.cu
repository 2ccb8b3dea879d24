#include "instantiate.cuh"

namespace w4a16::sm80 {
W4A16_BULK_TABLE(kBulkFloat16Forward, __half, false);
}  // namespace w4a16::sm80
