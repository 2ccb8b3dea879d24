#include "instantiate.cuh"

namespace w4a16::sm90a {
const KernelTable& kBFloat16ForwardZeros() {
  static const KernelTable table = makeTable<__nv_bfloat16, false, Encoding::Zero>();
  return table;
}
}  // namespace w4a16::sm90a
