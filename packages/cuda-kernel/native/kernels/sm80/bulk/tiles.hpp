// Which tiles have kernels with copies in bulk, on sm_90, and the shared memory those take.
#pragma once
#include "../tiles.hpp"

namespace w4a16::sm80 {

constexpr int kBulkArch = 900;

// Tiles whose loops the tensor cores bound, from whose time every thread's own copies take, and
// parameters that lie in a stage.
constexpr bool hasBulkKernel(const TileShape& t, Grouping g) {
  return t.tokens >= 128 && t.ctasPerSm == 1 && g != Grouping::Element;
}

// Activations lie in one ring, which the copy engine's swizzle wants aligned, weights and
// parameters in another.
constexpr int kBulkAlignment = 1024;
constexpr int bulkWeightBytes(const TileShape& t, Grouping g, bool transposed) {
  const StageBytes bytes(t, g, transposed);
  return roundUp(bytes.weights + bytes.params, 128);
}
constexpr int bulkStageBytes(const TileShape& t, Grouping g, bool transposed) {
  return StageBytes(t, g, transposed).x + bulkWeightBytes(t, g, transposed);
}
constexpr int kBulkBarrierBytes = 256;

constexpr int bulkStageCount(const TileShape& t, Grouping g, bool transposed) {
  // What static shared memory there is takes as much as the alignment.
  const int budget = sharedBytesPerSm(kBulkArch) / t.ctasPerSm - kReservedPerCta - kBulkAlignment -
                     broadFragmentBytes(t) - kBulkBarrierBytes;
  const int fit = budget / (t.groups * bulkStageBytes(t, g, transposed));
  return fit < t.maxStages ? fit : t.maxStages;
}
// Without the barriers, which come last.
constexpr int bulkDataBytes(const TileShape& t, Grouping g, bool transposed) {
  const int pipeline =
      bulkStageCount(t, g, transposed) * t.groups * bulkStageBytes(t, g, transposed) +
      broadFragmentBytes(t);
  return pipeline > collectBytes(t) ? pipeline : collectBytes(t);
}
constexpr int bulkSharedBytes(const TileShape& t, Grouping g, bool transposed) {
  return bulkDataBytes(t, g, transposed) + kBulkBarrierBytes;
}

}  // namespace w4a16::sm80
