#include "launch.hpp"

#include <cudaTypedefs.h>

#include <atomic>

#include "arguments.hpp"

namespace w4a16::sm80 {

const void* findKernel(DataType xType, int tile, Grouping grouping, bool transposed) {
  const int g = static_cast<int>(grouping);
  if (xType == DataType::Float16)
    return transposed ? kFloat16Transposed[tile][g] : kFloat16Forward[tile][g];
  return transposed ? kBFloat16Transposed[tile][g] : kBFloat16Forward[tile][g];
}

static int64_t featuresOf(const FusedProblem& p) {
  return p.transposed ? p.K : p.N;
}
static int64_t reductionOf(const FusedProblem& p) {
  return p.transposed ? p.N : p.K;
}

int64_t outputTiles(const FusedProblem& p, int tile) {
  return ceilDiv<int64_t>(featuresOf(p), kTiles[tile].features) *
         ceilDiv<int64_t>(p.M, kTiles[tile].tokens);
}
size_t workspaceBytes(const FusedProblem& p, int tile, int splits) {
  if (splits <= 1) return 0;
  return static_cast<size_t>(outputTiles(p, tile)) * splits * kTiles[tile].features *
         kTiles[tile].tokens * sizeof(float);
}
size_t counterCount(const FusedProblem& p, int tile, int splits) {
  return splits <= 1 ? 0 : static_cast<size_t>(outputTiles(p, tile));
}

bool fitsWorkspace(const FusedProblem& p, int tile, int splits) {
  return workspaceBytes(p, tile, splits) <= kWorkspaceBytes &&
         counterCount(p, tile, splits) <= kWorkspaceCounters;
}

cudaError_t compiledArch(int* arch) {
  cudaFuncAttributes attributes;
  const cudaError_t error = cudaFuncGetAttributes(
      &attributes, findKernel(DataType::BFloat16, 0, Grouping::Coarse, false));
  if (error == cudaSuccess) *arch = attributes.ptxVersion * 10;
  return error;
}

// The driver's launch, found through the runtime: nothing links against the driver. The runtime's
// own looks up the kernel each time, a tenth of the host time of a launch.
static PFN_cuLaunchKernel_v4000 driverLaunch() {
  static const PFN_cuLaunchKernel_v4000 function = [] {
    void* entry = nullptr;
    cudaDriverEntryPointQueryResult found;
    const cudaError_t error =
        cudaGetDriverEntryPointByVersion("cuLaunchKernel", &entry, 4000, cudaEnableDefault, &found);
    return error == cudaSuccess && found == cudaDriverEntryPointSuccess
               ? reinterpret_cast<PFN_cuLaunchKernel_v4000>(entry)
               : nullptr;
  }();
  return function;
}

// The driver's handle of a kernel on the current device. On first use its limit of dynamic shared
// memory is raised.
static cudaError_t functionOf(const void* kernel, int slot, int sharedBytes, CUfunction* function) {
  constexpr int kDevices = 64;
  static std::atomic<CUfunction> known[kDevices][kTileCount * 3 * 4];
  int device;
  if (const cudaError_t error = cudaGetDevice(&device)) return error;
  if (device < kDevices && (*function = known[device][slot].load(std::memory_order_acquire)))
    return cudaSuccess;
  if (const cudaError_t error =
          cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, sharedBytes))
    return error;
  if (const cudaError_t error = cudaGetFuncBySymbol(function, kernel)) return error;
  if (device < kDevices) known[device][slot].store(*function, std::memory_order_release);
  return cudaSuccess;
}

static FusedArguments makeArguments(const FusedProblem& p, const FusedPlan& plan) {
  const TileShape& tile = kTiles[plan.tile];
  const Grouping grouping = groupingOf(p.groupSize, p.K);
  const layout::PackedExtent extent(p.N, p.K);
  const layout::ParamTable table(p.N, p.K, p.groupSize);
  FusedArguments a{};
  a.packed = p.packed;
  a.params = p.params;
  a.x = p.x;
  a.out = p.out;
  a.bias = p.bias;
  a.workspace = plan.workspace;
  a.counters = plan.counters;
  a.xStride = p.xStride;
  a.outStride = p.outStride;
  a.paramRowBytes = static_cast<uint32_t>(table.rowBytes());
  a.tokens = static_cast<int>(p.M);
  a.features = static_cast<int>(featuresOf(p));
  a.reduction = static_cast<int>(reductionOf(p));
  a.tilesN = static_cast<int>(extent.tilesN);
  a.featureTiles64 = static_cast<int>(p.transposed ? extent.tilesK : extent.tilesN);
  a.chunks = static_cast<int>(p.transposed ? extent.tilesN : extent.tilesK);
  a.tilesAcross = ceilDiv(a.features, tile.features);
  a.tilesDown = ceilDiv(a.tokens, tile.tokens);
  a.splits = plan.splits;
  a.paramRows = static_cast<int>(table.rows);
  a.entriesPerRow = static_cast<int>(table.entriesPerRow);
  // One group for the whole of K may be any size: every unit then falls into row 0 by clamping.
  const int64_t unit = grouping == Grouping::Coarse ? 64 : grouping == Grouping::Fine ? 16 : 1;
  a.group = FastDivisor(static_cast<uint32_t>(ceilDiv<int64_t>(p.groupSize, unit)));
  a.chunksPerGroup = static_cast<int>(ceilDiv<int64_t>(p.groupSize, 64));
  a.outScale = p.outScale;
  a.outType = p.outType;
  a.biasType = p.biasType;
  a.xAligned = reinterpret_cast<uintptr_t>(p.x) % 16 == 0 && (p.xStride % 8 == 0 || p.M == 1) &&
               p.xStride < (1 << 24);
  const int vector = dataTypeBytes(p.outType) == 2 ? 8 : 4;
  a.outAligned = reinterpret_cast<uintptr_t>(p.out) % 16 == 0 && p.outStride % vector == 0;
  return a;
}

cudaError_t launchFused(const FusedProblem& p, const FusedPlan& plan, int arch,
                        cudaStream_t stream) {
  if (p.M == 0) return cudaSuccess;
  const Grouping grouping = groupingOf(p.groupSize, p.K);
  const TileShape& tile = kTiles[plan.tile];
  const int64_t blocks = outputTiles(p, plan.tile) * plan.splits;
  if (!runsOn(tile, grouping, p.transposed, arch) || blocks > INT32_MAX || p.M > INT32_MAX)
    return cudaErrorInvalidValue;
  const void* kernel = findKernel(p.xType, plan.tile, grouping, p.transposed);
  const int shared = sharedBytes(tile, grouping, p.transposed, arch);
  const int slot = (plan.tile * 3 + static_cast<int>(grouping)) * 4 + (p.transposed ? 2 : 0) +
                   (p.xType == DataType::Float16);
  CUfunction function;
  if (const cudaError_t error = functionOf(kernel, slot, shared, &function)) return error;
  FusedArguments arguments = makeArguments(p, plan);
  void* parameters[] = {&arguments};
  const PFN_cuLaunchKernel_v4000 launch = driverLaunch();
  if (!launch) return cudaErrorNotSupported;
  const CUresult result = launch(function, static_cast<unsigned>(blocks), 1, 1, tile.threads(), 1,
                                 1, shared, stream, parameters, nullptr);
  return static_cast<cudaError_t>(result);  // the driver's numbers mean the same here
}

}  // namespace w4a16::sm80
