#include "instantiate.cuh"

namespace w4a16::sm90a {
const KernelTable& kFloat16ForwardZeros() {
  static const KernelTable table = makeTable<__half, false, Encoding::Zero>();
  return table;
}
}  // namespace w4a16::sm90a
