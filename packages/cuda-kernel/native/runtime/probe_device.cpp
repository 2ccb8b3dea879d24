// What a Device does at most, measured by kernels/probe/.
#include "../kernels/probe/probe.hpp"
#include "device.hpp"
#include "error.hpp"

namespace w4a16 {

void Device::probeFill(Id id, DataType type) {
  activate();
  const Buffer& b = buffer(id);
  check(probe::launchFill(b.data, b.bytes, type, current().handle), "filling a buffer");
}

void Device::probeRead(Id id, int passes) {
  activate();
  const Buffer& b = buffer(id);
  check(
      probe::launchRead(b.data, b.bytes, passes, properties_.multiProcessorCount, current().handle),
      "reading a buffer");
}

double Device::probeMultiplyAdd(Id sink, DataType type) {
  activate();
  const Buffer& b = buffer(sink);
  if (b.bytes < 16) throw RuntimeError("NATIVE_FAILURE", "the buffer is too small");
  double operations = 0;
  check(probe::launchMultiplyAdd(type, properties_.multiProcessorCount, b.data, &operations,
                                 current().handle),
        "multiplying and adding");
  return operations;
}

}  // namespace w4a16
