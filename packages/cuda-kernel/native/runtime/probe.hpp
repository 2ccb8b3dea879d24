// What there is to run on, found without failing: the addon loads on any machine.
#pragma once
#include <string>
#include <vector>

namespace w4a16 {

struct DeviceInfo {
  int ordinal;
  std::string name;
  int major, minor, sms;
  double memoryBytes;
  int l2Bytes;
};

struct Probe {
  int driverVersion = 0;  // as CUDA numbers them: 13000 is 13.0; 0: no driver
  int runtimeVersion = 0;
  std::string error;  // why there is no device, in CUDA's words
  std::vector<DeviceInfo> devices;
};

Probe probe();

}  // namespace w4a16
