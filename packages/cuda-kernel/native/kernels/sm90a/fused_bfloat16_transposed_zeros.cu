#include "instantiate.cuh"

namespace w4a16::sm90a {
const KernelTable& kBFloat16TransposedZeros() {
  static const KernelTable table = makeTable<__nv_bfloat16, true, Encoding::Zero>();
  return table;
}
}  // namespace w4a16::sm90a
