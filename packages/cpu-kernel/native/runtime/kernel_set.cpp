#include "runtime/kernel_set.h"

namespace w4a16 {
namespace {

// Below this group size, applying scales to sums costs more than applying them to the weights.
constexpr size_t kSmallestDotGroup = 32;

}  // namespace

std::vector<Kernel> kernels() {
  [[maybe_unused]] const CpuFeatures& cpu = cpuFeatures();
  std::vector<Kernel> all;
#if defined(__x86_64__)
  all.push_back({"avx512-bf16", kAvx512Float, kAvx512Fixed, kAvx512BFloat16, cpu.avx512BFloat16});
  all.push_back({"avx512-vnni", kAvx512Float, kAvx512Fixed, nullptr, cpu.avx512Vnni});
  all.push_back({"avx2", kAvx2Float, nullptr, nullptr, cpu.avx2});
#elif defined(__aarch64__)
  all.push_back({"neon", kNeonFloat, nullptr, nullptr, cpu.neon});
#endif
  all.push_back({"portable", kPortableFloat, nullptr, nullptr, true});
  return all;
}

const Path& choosePath(const Kernel& kernel, const WeightView& w, bool transposed, DType x,
                       Precision precision) {
  // The transposed product's scales vary along its reduction: only float32 weights carry them.
  if (transposed || !w.mostlyPlain || w.groupSize < kSmallestDotGroup) return *kernel.floating;
  const bool bfloat16 = x == DType::kBFloat16 || precision == Precision::kBFloat16;
  if (bfloat16 && kernel.bfloat16) return *kernel.bfloat16;
  if (kernel.fixed) return *kernel.fixed;
  return *kernel.floating;
}

}  // namespace w4a16
