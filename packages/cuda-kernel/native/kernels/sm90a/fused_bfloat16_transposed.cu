#include "instantiate.cuh"

namespace w4a16::sm90a {
const KernelTable& kBFloat16Transposed() {
  static const KernelTable table = makeTable<__nv_bfloat16, true, Encoding::Midpoint>();
  return table;
}
}  // namespace w4a16::sm90a
