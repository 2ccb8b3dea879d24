#include "choose.hpp"

#include <algorithm>

#include "devices.hpp"

namespace w4a16::heuristics {
namespace {

using sm80::kTiles;
using sm80::TileShape;

const ArchitectureCost& costOf(int arch) {
  const ArchitectureCost* best = &kArchitectures[0];
  for (const ArchitectureCost& a : kArchitectures)
    if (a.arch <= arch) best = &a;
  return *best;
}

constexpr float kLaunchUs = 2.f;         // launch, first bytes, last store
constexpr float kSplitUs = 1.5f;         // a partial tile's way through L2
constexpr float kTensorEfficiency = 0.8f;

// Time of one plan: waves × the slower of tensor cores and L2, or the weights' way from memory.
float estimate(const FusedProblem& p, const TileShape& tile, int stages, int splits, const ArchitectureCost& cost, int sms) {
  const int64_t features = p.transposed ? p.K : p.N, reduction = p.transposed ? p.N : p.K;
  const int64_t ctas = ceilDiv<int64_t>(features, tile.features) * ceilDiv<int64_t>(p.M, tile.tokens) * splits;
  const int64_t perSm = ceilDiv<int64_t>(ctas, sms);
  const float chunks = static_cast<float>(ceilDiv<int64_t>(ceilDiv<int64_t>(reduction, 64), splits));
  // A warp scheduler with a single warp leaves the tensor cores idle while it dequantizes.
  const int warps = tile.threads() / 32 * static_cast<int>(std::min<int64_t>(perSm, tile.ctasPerSm));
  const float fed = kTensorEfficiency * (warps >= 8 ? 1.f : 0.75f) * std::min(1.f, 0.35f + tile.warpTokens / 64.f * 0.65f);
  const float tensor = tile.features * tile.tokens * 64.f / (cost.tensorFma * fed);
  const float bytes = tile.features * 37.f + std::min<int64_t>(tile.tokens, p.M) * 128.f;
  const float l2 = bytes / (cost.l2Bytes * (stages >= 3 ? 1.f : 0.7f));
  const float busy = perSm * chunks * std::max(tensor, l2) / (cost.clockGhz * 1000.f);
  const float memory = (p.N * p.K * 0.54f + p.M * reduction * 2.f) / (cost.dramBytesPerNs * 1000.f);
  return kLaunchUs + std::max(busy, memory) + (splits > 1 ? kSplitUs * (1 + splits * tile.features * tile.tokens / 32768.f) : 0.f);
}

}  // namespace

Choice choose(const FusedProblem& p, int arch, int sms) {
  const ArchitectureCost& cost = costOf(arch);
  const Grouping grouping = groupingOf(p.groupSize, p.K);
  const int64_t chunks = ceilDiv<int64_t>(p.transposed ? p.N : p.K, 64);
  Choice best{-1, 1, 0.f};
  for (int t = 0; t < sm80::kTileCount; t++) {
    const TileShape& tile = kTiles[t];
    if (!sm80::runsOn(tile, grouping, p.transposed, arch)) continue;
    const int stages = sm80::stageCount(tile, grouping, p.transposed, arch);
    for (int splits : {1, 2, 3, 4, 6, 8}) {
      if (splits > 1 && splits * tile.groups * 2 > chunks) break;
      const float us = estimate(p, tile, stages, splits, cost, sms);
      if (best.tile < 0 || us < best.microseconds) best = {t, splits, us};
    }
  }
  return best;
}

}  // namespace w4a16::heuristics
