#include "runtime/cpu.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

namespace w4a16 {
namespace {

CpuFeatures detect() {
  CpuFeatures f;
#if defined(__x86_64__)
  __builtin_cpu_init();
  f.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("f16c");
  f.avx512 = f.avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  f.avx512Vnni = f.avx512 && __builtin_cpu_supports("avx512vnni");
  f.avx512BFloat16 = f.avx512Vnni && __builtin_cpu_supports("avx512bf16");
#elif defined(__aarch64__)
  f.neon = true;
#endif
  return f;
}

// CPUs worth of time that a cgroup directory grants, or infinity.
double quotaAt(const std::string& directory) {
  std::string quota;
  double period = 0;
  if (std::ifstream v2(directory + "/cpu.max"); v2 >> quota >> period) {
    if (quota != "max" && period > 0) return std::stod(quota) / period;
    return INFINITY;
  }
  std::ifstream v1(directory + "/cpu.cfs_quota_us"), v1Period(directory + "/cpu.cfs_period_us");
  double micros = 0;
  if (v1 >> micros && v1Period >> period && micros > 0 && period > 0) return micros / period;
  return INFINITY;
}

// The tightest quota of this process's cgroup and its ancestors.
double cgroupQuota() {
  double tightest = std::min(quotaAt("/sys/fs/cgroup"), quotaAt("/sys/fs/cgroup/cpu"));
  std::ifstream membership("/proc/self/cgroup");
  for (std::string line; std::getline(membership, line);) {
    const size_t second = line.find(':', line.find(':') + 1);
    if (second == std::string::npos) continue;
    const bool v1 = line.compare(0, 3, "0::") != 0;
    if (v1 && line.find("cpu") == std::string::npos) continue;
    const std::string root = v1 ? "/sys/fs/cgroup/cpu" : "/sys/fs/cgroup";
    for (std::string path = line.substr(second + 1); path.size() > 1;
         path = path.substr(0, path.rfind('/'))) {
      tightest = std::min(tightest, quotaAt(root + path));
    }
  }
  return tightest;
}

}  // namespace

const CpuFeatures& cpuFeatures() {
  static const CpuFeatures features = detect();
  return features;
}

size_t availableCpus() {
  size_t cpus = std::max(1u, std::thread::hardware_concurrency());
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) cpus = size_t(CPU_COUNT(&set));
  const double quota = cgroupQuota();
  if (quota < double(cpus)) cpus = size_t(std::ceil(quota));
#endif
  return std::max<size_t>(1, cpus);
}

size_t lastLevelCacheBytes() {
  size_t largest = 0;
  for (int i = 0; i < 8; i++) {
    std::ifstream file("/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(i) + "/size");
    size_t size = 0;
    char unit = 0;
    if (!(file >> size)) continue;
    file >> unit;
    largest = std::max(largest, unit == 'K' ? size << 10 : unit == 'M' ? size << 20 : size);
  }
  return largest > 0 ? largest : size_t{32} << 20;
}

std::string cpuModel() {
#if defined(__aarch64__)
  std::string fallback = "arm64";
#else
  std::string fallback = "x86-64";
#endif
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.compare(0, 10, "model name") != 0) continue;
    const size_t at = line.find(": ");
    if (at != std::string::npos) return line.substr(at + 2);
  }
  return fallback;
}

}  // namespace w4a16
