#include "runtime/kernel_set.h"

namespace w4a16 {
namespace {

// Below this group size, applying scales to sums costs more than applying them to the weights.
constexpr size_t kSmallestDotGroup = 32;

// Sums relative to 8 keep a product within its bound up to these WeightView::offCentre.
constexpr float kMostOffCentre = 8;

float mostForwardOffCentre(DType x) {
  return x == DType::kBFloat16 ? kMostOffCentre : x == DType::kFloat32 ? 16 : 512;
}

}  // namespace

std::vector<Kernel> kernels() {
  [[maybe_unused]] const CpuFeatures& cpu = cpuFeatures();
  std::vector<Kernel> all;
#if defined(__x86_64__)
  all.push_back({"avx512-bf16", kAvx512Float, kAvx512Fixed, kAvx512FixedTransposed, kAvx512BFloat16,
                 kAvx512BFloat16Transposed, cpu.avx512BFloat16});
  all.push_back({"avx512-vnni", kAvx512Float, kAvx512Fixed, kAvx512FixedTransposed, nullptr,
                 nullptr, cpu.avx512Vnni});
  all.push_back({"avx2", kAvx2Float, nullptr, nullptr, nullptr, nullptr, cpu.avx2});
#elif defined(__aarch64__)
  all.push_back({"neon", kNeonFloat, nullptr, nullptr, nullptr, nullptr, cpu.neon});
#endif
  all.push_back({"portable", kPortableFloat, nullptr, nullptr, nullptr, nullptr, true});
  return all;
}

const Path& forwardPath(const Kernel& kernel, DType x, Precision precision) {
  const bool bfloat16 = x == DType::kBFloat16 || precision == Precision::kBFloat16;
  if (bfloat16 && kernel.bfloat16) return *kernel.bfloat16;
  if (kernel.fixed) return *kernel.fixed;
  return *kernel.floating;
}

const Path& choosePath(const Kernel& kernel, const WeightView& w, bool transposed, DType x,
                       Precision precision) {
  if (!w.mostlyPlain || w.groupSize < kSmallestDotGroup) return *kernel.floating;
  if (transposed) {
    // Scales vary along this reduction, so they go to the activations, once for each group. A tile
    // must not hold a group's padding.
    if (w.groupSize % kTile != 0 || !w.steadyScales) return *kernel.floating;
    if (w.offCentre > kMostOffCentre) return *kernel.floating;
    if (precision == Precision::kBFloat16 && kernel.bfloat16Transposed) {
      return *kernel.bfloat16Transposed;
    }
    return kernel.fixedTransposed ? *kernel.fixedTransposed : *kernel.floating;
  }
  const bool centred =
      precision == Precision::kBFloat16 || w.forwardOffCentre <= mostForwardOffCentre(x);
  return centred ? forwardPath(kernel, x, precision) : *kernel.floating;
}

}  // namespace w4a16
