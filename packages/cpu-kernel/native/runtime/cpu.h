// What this machine offers: instruction sets, and the CPUs this process may use.
#pragma once

#include <cstddef>
#include <string>

namespace w4a16 {

struct CpuFeatures {
  bool avx2 = false;        // with FMA and F16C
  bool avx512 = false;      // F, BW, DQ, VL
  bool avx512Vnni = false;  // beside those
  bool avx512BFloat16 = false;
  bool neon = false;
};

const CpuFeatures& cpuFeatures();

// CPUs available: the affinity mask, limited by cgroup quotas, at least 1.
size_t availableCpus();

// Bytes of the largest cache of the first CPU; 32 MiB where the system does not tell.
size_t lastLevelCacheBytes();

// The model's name, or the architecture's.
std::string cpuModel();

}  // namespace w4a16
