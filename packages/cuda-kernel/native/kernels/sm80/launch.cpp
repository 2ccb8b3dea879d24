#include "launch.hpp"

#include <cudaTypedefs.h>

#include <atomic>

#include "arguments.hpp"

namespace w4a16::sm80 {

// The kernels with copies in bulk are compiled for sm_90a only, where the build has it.
#ifdef W4A16_HOPPER
constexpr bool kBulkBuilt = true;
#else
constexpr bool kBulkBuilt = false;
#endif

const void* findKernel(DataType xType, int tile, Grouping grouping, bool transposed) {
  const int g = static_cast<int>(grouping);
  if (xType == DataType::Float16)
    return transposed ? kFloat16Transposed[tile][g] : kFloat16Forward[tile][g];
  return transposed ? kBFloat16Transposed[tile][g] : kBFloat16Forward[tile][g];
}

static const void* findBulkKernel(const FusedProblem& p, int tile, Grouping grouping) {
#ifdef W4A16_HOPPER
  const int g = static_cast<int>(grouping);
  if (p.xType == DataType::Float16)
    return p.transposed ? kBulkFloat16Transposed[tile][g] : kBulkFloat16Forward[tile][g];
  return p.transposed ? kBulkBFloat16Transposed[tile][g] : kBulkBFloat16Forward[tile][g];
#else
  return nullptr;  // launchesInBulk() is never true
#endif
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

// The driver's functions, found through the runtime: nothing links against the driver. The
// runtime's own launch looks up the kernel each time, a tenth of the host time of a launch.
template <typename Function>
static Function driverFunction(const char* name, unsigned version) {
  void* entry = nullptr;
  cudaDriverEntryPointQueryResult found;
  const cudaError_t error =
      cudaGetDriverEntryPointByVersion(name, &entry, version, cudaEnableDefault, &found);
  return error == cudaSuccess && found == cudaDriverEntryPointSuccess
             ? reinterpret_cast<Function>(entry)
             : nullptr;
}

// The driver's handle of a kernel on the current device. On first use its limit of dynamic shared
// memory is raised.
static cudaError_t functionOf(const void* kernel, int slot, int sharedBytes, CUfunction* function) {
  constexpr int kDevices = 64;
  static std::atomic<CUfunction> known[kDevices][kTileCount * (3 + 2) * 4];
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

static bool alignedActivations(const FusedProblem& p) {
  return reinterpret_cast<uintptr_t>(p.x) % 16 == 0 && (p.xStride % 8 == 0 || p.M == 1) &&
         p.xStride < (1 << 24);
}
bool runsInBulk(const TileShape& tile, Grouping grouping, int arch) {
  return kBulkBuilt && arch == kBulkArch && hasBulkKernel(tile, grouping);
}
bool pairs(const TileShape& tile, Grouping grouping, int splits, int arch) {
  return splits == 2 && tile.broad && runsInBulk(tile, grouping, arch);
}
bool launchesInBulk(const FusedProblem& p, int tile, int arch) {
  // A single row may be of any stride, which the copy engine would refuse.
  return runsInBulk(kTiles[tile], groupingOf(p.groupSize, p.K), arch) && alignedActivations(p) &&
         p.M > 1;
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
  a.bandTiles = FastDivisor(static_cast<uint32_t>(kBand * a.tilesAcross));
  a.lastBand = FastDivisor(static_cast<uint32_t>((a.tilesDown - 1) % kBand + 1));
  a.splits = plan.splits;
  a.bySplits = FastDivisor(static_cast<uint32_t>(plan.splits));
  a.paramRows = static_cast<int>(table.rows);
  a.entriesPerRow = static_cast<int>(table.entriesPerRow);
  // One group for the whole of K may be any size: every unit then falls into row 0 by clamping.
  const int64_t unit = grouping == Grouping::Coarse ? 64 : grouping == Grouping::Fine ? 16 : 1;
  a.group = FastDivisor(static_cast<uint32_t>(ceilDiv<int64_t>(p.groupSize, unit)));
  a.chunksPerGroup = static_cast<int>(ceilDiv<int64_t>(p.groupSize, 64));
  a.outScale = p.outScale;
  a.outType = p.outType;
  a.biasType = p.biasType;
  a.xAligned = alignedActivations(p);
  a.outAligned = reinterpret_cast<uintptr_t>(p.out) % 16 == 0 && p.outStride % 8 == 0;
  return a;
}

// The activations as the copy engine sees them: boxes of 64 along the reduction by a tile's tokens.
static cudaError_t mapActivations(const FusedProblem& p, const TileShape& tile, CUtensorMap* map) {
  static const auto encode =
      driverFunction<PFN_cuTensorMapEncodeTiled_v12000>("cuTensorMapEncodeTiled", 12000);
  if (!encode) return cudaErrorNotSupported;
  const cuuint64_t extents[2] = {static_cast<cuuint64_t>(reductionOf(p)),
                                 static_cast<cuuint64_t>(p.M)};
  const cuuint64_t rowBytes[1] = {static_cast<cuuint64_t>(p.xStride) * 2};
  const cuuint32_t box[2] = {kChunk, static_cast<cuuint32_t>(tile.tokens)}, steps[2] = {1, 1};
  const CUresult result =
      encode(map,
             p.xType == DataType::Float16 ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16
                                          : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16,
             2, const_cast<void*>(p.x), extents, rowBytes, box, steps,
             CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
             CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  return static_cast<cudaError_t>(result);
}

cudaError_t launchFused(const FusedProblem& p, const FusedPlan& plan, int arch,
                        cudaStream_t stream) {
  if (p.M == 0) return cudaSuccess;
  const Grouping grouping = groupingOf(p.groupSize, p.K);
  const TileShape& tile = kTiles[plan.tile];
  const int64_t blocks = outputTiles(p, plan.tile) * plan.splits;
  if (!runsOn(tile, grouping, p.transposed, arch) || blocks > INT32_MAX || p.M > INT32_MAX)
    return cudaErrorInvalidValue;
  FusedArguments arguments = makeArguments(p, plan);
  const bool bulk = launchesInBulk(p, plan.tile, arch);
  arguments.paired = bulk && pairs(tile, grouping, plan.splits, arch);
  const void* kernel = bulk ? findBulkKernel(p, plan.tile, grouping)
                            : findKernel(p.xType, plan.tile, grouping, p.transposed);
  const int shared = bulk ? bulkSharedBytes(tile, grouping, p.transposed)
                          : sharedBytes(tile, grouping, p.transposed, arch);
  const int slot = (plan.tile * 5 + static_cast<int>(grouping) + (bulk ? 3 : 0)) * 4 +
                   (p.transposed ? 2 : 0) + (p.xType == DataType::Float16);
  CUfunction function;
  if (const cudaError_t error = functionOf(kernel, slot, shared, &function)) return error;

  CUtensorMap x;
  if (bulk)
    if (const cudaError_t error = mapActivations(p, tile, &x)) return error;
  void* parameters[] = {&arguments};
  void* bulkParameters[] = {&x, &arguments};
  CUlaunchAttribute cluster{};
  cluster.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
  cluster.value.clusterDim = {2, 1, 1};
  CUlaunchConfig config{};
  config.gridDimX = static_cast<unsigned>(blocks), config.gridDimY = config.gridDimZ = 1;
  config.blockDimX = tile.threads(), config.blockDimY = config.blockDimZ = 1;
  config.sharedMemBytes = shared;
  config.hStream = stream;
  config.attrs = &cluster;
  config.numAttrs = arguments.paired ? 1 : 0;
  static const auto launch = driverFunction<PFN_cuLaunchKernelEx_v11060>("cuLaunchKernelEx", 11060);
  if (!launch) return cudaErrorNotSupported;
  // The driver's numbers mean the same here.
  return static_cast<cudaError_t>(
      launch(&config, function, bulk ? bulkParameters : parameters, nullptr));
}

}  // namespace w4a16::sm80
