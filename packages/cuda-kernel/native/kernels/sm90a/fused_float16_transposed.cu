#include "instantiate.cuh"

namespace w4a16::sm90a {
const KernelTable& kFloat16Transposed() {
  static const KernelTable table = makeTable<__half, true, Encoding::Midpoint>();
  return table;
}
}  // namespace w4a16::sm90a
