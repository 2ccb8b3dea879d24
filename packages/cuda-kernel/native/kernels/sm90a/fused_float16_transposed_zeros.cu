#include "instantiate.cuh"

namespace w4a16::sm90a {
const KernelTable& kFloat16TransposedZeros() {
  static const KernelTable table = makeTable<__half, true, Encoding::Zero>();
  return table;
}
}  // namespace w4a16::sm90a
