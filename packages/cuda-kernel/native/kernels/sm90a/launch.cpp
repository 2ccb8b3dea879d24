#include "launch.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "arguments.hpp"
#include "tensor_map.hpp"

namespace w4a16::sm90a {
namespace {

int64_t featuresOf(const FusedProblem& p) {
  return p.transposed ? p.K : p.N;
}
int64_t reductionOf(const FusedProblem& p) {
  return p.transposed ? p.N : p.K;
}
int64_t outputTiles(const FusedProblem& p, const Shape& s) {
  return ceilDiv<int64_t>(featuresOf(p), s.features()) * ceilDiv<int64_t>(p.M, s.tokens);
}
// A partial tile takes about as long to be written as this many stages are multiplied.
constexpr int kFirstPartExtra = 3;

bool aligned16(const void* p) {
  return reinterpret_cast<uintptr_t>(p) % 16 == 0;
}

const void* findKernel([[maybe_unused]] const FusedProblem& p, [[maybe_unused]] int shape) {
#ifdef W4A16_HOPPER
  using Tables = const KernelTable& (*)();
  static constexpr Tables kTables[2][2][2] = {
      // [bfloat16][transposed][encoding]
      {{kFloat16Forward, kFloat16ForwardZeros}, {kFloat16Transposed, kFloat16TransposedZeros}},
      {{kBFloat16Forward, kBFloat16ForwardZeros}, {kBFloat16Transposed, kBFloat16TransposedZeros}}};
  const KernelTable& table =
      kTables[p.xType == DataType::BFloat16][p.transposed][static_cast<int>(p.encoding)]();
  return table[shape][paramUnits(p.groupSize, p.K) - 1];
#else
  return nullptr;
#endif
}

// The limit on dynamic shared memory is raised once a kernel and device. Setting it twice does no
// harm.
cudaError_t allowShared(const FusedProblem& p, int shape, const void* kernel, int bytes) {
  constexpr int kDevices = 64;
  static std::atomic<bool> allowed[kDevices][kShapeCount][16];
  int device;
  if (const cudaError_t error = cudaGetDevice(&device)) return error;
  const int variant = (p.encoding == Encoding::Zero) * 8 + (p.xType == DataType::Float16) * 4 +
                      p.transposed * 2 + paramUnits(p.groupSize, p.K) - 1;
  if (device < kDevices && allowed[device][shape][variant].load(std::memory_order_acquire))
    return cudaSuccess;
  const cudaError_t error =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if (error == cudaSuccess && device < kDevices)
    allowed[device][shape][variant].store(true, std::memory_order_release);
  return error;
}

Arguments makeArguments(const FusedProblem& p, const Plan& plan, float* workspace,
                        uint32_t* counters) {
  const Shape& shape = kShapes[plan.shape];
  const layout::PackedExtent extent(p.N, p.K);
  const layout::ParamTable table(p.N, p.K, p.groupSize);
  const int units = paramUnits(p.groupSize, p.K);
  Arguments a{};
  a.packed = p.packed;
  a.params = p.params;
  a.out = p.out;
  a.bias = p.bias;
  a.workspace = workspace;
  a.counters = counters;
  a.outStride = p.outStride;
  a.tokens = static_cast<int>(p.M);
  a.features = static_cast<int>(featuresOf(p));
  a.chunks = static_cast<int>(p.transposed ? extent.tilesN : extent.tilesK);
  a.featureTiles = static_cast<int>(p.transposed ? extent.tilesK : extent.tilesN);
  a.tilesN = static_cast<int>(extent.tilesN);
  a.paramRows = static_cast<int>(table.rows);
  a.tilesAcross = ceilDiv(a.featureTiles, shape.rows);
  a.across = FastDivisor(a.tilesAcross);
  const int tilesDown = ceilDiv(a.tokens, shape.tokens);
  a.bands = ceilDiv(tilesDown, kBand);
  a.lastHeight = tilesDown - (a.bands - 1) * kBand;
  a.bandTiles = FastDivisor(kBand * static_cast<uint32_t>(a.tilesAcross));
  a.lastBand = FastDivisor(a.lastHeight);
  // A single group may be any size: every unit falls into its only row.
  a.group = FastDivisor(static_cast<uint32_t>(ceilDiv<int64_t>(p.groupSize, 64 / units)));
  a.schedule = plan.schedule;
  a.outScale = p.outScale;
  a.outType = p.outType;
  a.biasType = p.biasType;
  a.outVector =
      p.outType != DataType::Float32 && aligned16(p.out) && (p.outStride % 8 == 0 || p.M == 1);
  // The copy engine stores 16 bytes at least: at an edge inside of them it would write past it.
  if (shape.family == Family::Whole && a.features % 8 != 0) a.outVector = false;
  a.xBoxed = boxedActivations(p);
  a.xRows = activationRows(p, shape);
  return a;
}

}  // namespace

bool built() {
  return findKernel({}, 0) != nullptr;
}

const char* unsupported(const FusedProblem& p) {
  if (!built()) return "this build has no kernels for sm_90a";
  constexpr int64_t kLargest = INT32_MAX / 2;
  if (p.xType == DataType::Float32) return "float32 activations: wgmma multiplies 16-bit types";
  if (p.outType != p.xType && p.outType != DataType::Float32)
    return "the output is of the other 16-bit type";
  if (paramUnits(p.groupSize, p.K) == 0)
    return "the group size is neither a multiple of 32 nor all of K";
  if (!aligned16(p.x)) return "the activations do not start at a multiple of 16 bytes";
  if (p.M > 1 && p.xStride % 8 != 0)
    return "the rows of the activations are not a multiple of 16 bytes apart";
  if (p.M > kLargest || p.N > kLargest || p.K > kLargest || p.xStride >= int64_t{1} << 38)
    return "an extent is beyond 2^30";
  if (outputTiles(p, kShapes[0]) > kLargest) return "more output tiles than one launch holds";
  return nullptr;
}

Plan makePlan(const FusedProblem& p, int shape, int parts, int multiprocessors) {
  Plan plan{shape, {}, 0.f};
  const Shape& s = kShapes[shape];
  if (s.family == Family::Pair) return plan;
  Schedule& d = plan.schedule;
  d.tiles = static_cast<int>(outputTiles(p, s));
  d.stages = static_cast<int>(ceilDiv<int64_t>(reductionOf(p), layout::kTileSize * s.chunks));
  d.ctas = std::min(d.tiles, multiprocessors);
  d.direct = d.tiles;
  d.firstPart = d.stages;
  const int tail = d.tiles % multiprocessors;
  if (parts < 2 || tail * parts > multiprocessors || d.stages < 4 * parts) {
    d.divisors();
    return plan;
  }
  d.parts = parts;
  d.direct = d.tiles - tail;
  d.ctas = d.direct > 0 ? multiprocessors : tail * parts;
  d.firstPart = ceilDiv(d.stages, parts) + (d.stages >= 16 * parts ? kFirstPartExtra : 0);
  d.divisors();
  return plan;
}

std::string nameOf(const Plan& plan) {
  const Shape& s = kShapes[plan.shape];
  std::string name = (s.family == Family::Pair ? "pair " : "whole ") +
                     std::to_string(s.features()) + "x" + std::to_string(s.tokens);
  if (s.perSM > 1) name += " (" + std::to_string(s.perSM) + " a multiprocessor)";
  if (plan.schedule.parts > 1)
    name += ", last wave in " + std::to_string(plan.schedule.parts) + " parts";
  return name;
}

size_t workspaceBytes(const Plan& plan) {
  const Shape& s = kShapes[plan.shape];
  return plan.schedule.parts < 2
             ? 0
             : static_cast<size_t>(plan.schedule.ctas) * s.features() * s.tokens * sizeof(float);
}
size_t counterCount(const Plan& plan) {
  return plan.schedule.parts < 2
             ? 0
             : static_cast<size_t>(plan.schedule.ctas) * kShapes[plan.shape].rows;
}

cudaError_t launchFused(const FusedProblem& p, const Plan& plan, float* workspace,
                        uint32_t* counters, cudaStream_t stream) {
  if (p.M == 0) return cudaSuccess;
  if (unsupported(p)) return cudaErrorInvalidValue;
  const int units = paramUnits(p.groupSize, p.K);
  const Shape shape = kShapes[plan.shape].forUnits(units);
  const SharedLayout shared(shape, units, p.encoding);
  const void* kernel = findKernel(p, plan.shape);
  if (const cudaError_t error = allowShared(p, plan.shape, kernel, shared.total)) return error;
  CUtensorMap x;
  if (const cudaError_t error = mapActivations(p, shape, &x)) return error;
  Arguments arguments = makeArguments(p, plan, workspace, counters);
  const bool pair = shape.family == Family::Pair;
  CUtensorMap out{};
  if (!pair && arguments.outVector)
    if (const cudaError_t error = mapOutput(p, shape, &out)) return error;
  void* pairParameters[] = {&x, &arguments};
  void* wholeParameters[] = {&x, &out, &arguments};

  const unsigned ctas = pair ? static_cast<unsigned>(2 * outputTiles(p, shape))
                             : static_cast<unsigned>(plan.schedule.ctas);
  return cudaLaunchKernel(kernel, dim3(ctas), dim3(shape.threads()),
                          pair ? pairParameters : wholeParameters, shared.total, stream);
}

}  // namespace w4a16::sm90a
