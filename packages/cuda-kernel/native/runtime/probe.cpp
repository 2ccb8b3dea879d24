#include "probe.hpp"

#include <cuda_runtime_api.h>

namespace w4a16 {

Probe probe() {
  Probe result;
  cudaRuntimeGetVersion(&result.runtimeVersion);
  if (cudaDriverGetVersion(&result.driverVersion) != cudaSuccess) result.driverVersion = 0;
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess) {
    cudaGetLastError();
    result.error = cudaGetErrorString(error);
    return result;
  }
  for (int i = 0; i < count; i++) {
    cudaDeviceProp properties;
    if (cudaGetDeviceProperties(&properties, i) != cudaSuccess) {
      cudaGetLastError();  // must not fail the first launch on another device
      continue;
    }
    result.devices.push_back(
        {i, properties.name, properties.major, properties.minor, properties.multiProcessorCount,
         static_cast<double>(properties.totalGlobalMem), properties.l2CacheSize});
  }
  return result;
}

}  // namespace w4a16
