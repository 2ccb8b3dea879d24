#include "instantiate.cuh"

namespace w4a16::sm90a {
const KernelTable& kFloat16Forward() {
  static const KernelTable table = makeTable<__half, false, Encoding::Midpoint>();
  return table;
}
}  // namespace w4a16::sm90a
