#include "choose.hpp"

#include <algorithm>

#include "../kernels/sm80/launch.hpp"
#include "devices.hpp"

namespace w4a16::heuristics {
namespace {

using sm80::kTiles;
using sm80::TileShape;

static_assert(sizeof(kTileCosts) / sizeof(kTileCosts[0]) == sm80::kTileCount, "one cost a tile");

const ArchitectureCost& costOf(int arch) {
  const ArchitectureCost* best = &kArchitectures[0];
  for (const ArchitectureCost& a : kArchitectures)
    if (a.arch <= arch) best = &a;
  return *best;
}

// Launch, first bytes, last store.
constexpr float kFixedUs = 4.f;
// A partial tile's way through L2, and the wait for the last of a tile.
constexpr float kSplitUs = 4.5f;
// Of one SM, which writes its part and may have to read all of them.
constexpr float kSplitBytesPerNs = 45.f;
// Two CTAs' sums through their cluster's shared memory.
constexpr float kPairUs = 3.2f;

}  // namespace

// Time of one plan: the SM with most CTAs, or the weights' way from memory if that takes longer.
float estimate(const FusedProblem& p, int index, int splits, int arch, int sms) {
  const ArchitectureCost& cost = costOf(arch);
  const TileShape& tile = kTiles[index];
  const int64_t features = p.transposed ? p.K : p.N, reduction = p.transposed ? p.N : p.K;
  const int64_t ctas =
      ceilDiv<int64_t>(features, tile.features) * ceilDiv<int64_t>(p.M, tile.tokens) * splits;
  const int64_t perSm = ceilDiv<int64_t>(ctas, sms), full = perSm / tile.ctasPerSm * tile.ctasPerSm;
  const bool bulk = sm80::runsInBulk(tile, groupingOf(p.groupSize, p.K), arch);
  const TileCost& tileCost = kTileCosts[index];
  const float cycles = full * (bulk ? tileCost.bulkTogether : tileCost.together) +
                       (perSm - full) * (bulk ? tileCost.bulkAlone : tileCost.alone);
  // Groups of warps take whole chunks: a short reduction leaves some of them idle.
  const int64_t chunks =
      roundUp<int64_t>(ceilDiv<int64_t>(ceilDiv<int64_t>(reduction, 64), splits), tile.groups);
  const float busy = chunks * cycles * cost.relativeTensor / (cost.clockGhz * 1000.f);
  const float memory = (p.N * p.K * kBytesPerWeightElement + p.M * (reduction + features) * 2.f) /
                       (cost.dramBytesPerNs * 1000.f);
  if (sm80::pairs(tile, groupingOf(p.groupSize, p.K), splits, arch))
    return kFixedUs + std::max(busy, memory) + kPairUs;
  const float partials = splits > 1 ? kSplitUs + perSm * splits * tile.features * tile.tokens * 4 /
                                                     (kSplitBytesPerNs * 1000.f)
                                    : 0.f;
  return kFixedUs + std::max(busy, memory) + partials;
}

Choice choose(const FusedProblem& p, int arch, int sms) {
  const Grouping grouping = groupingOf(p.groupSize, p.K);
  const int64_t chunks = ceilDiv<int64_t>(p.transposed ? p.N : p.K, 64);
  Choice best{-1, 1, 0.f};
  for (int t = 0; t < sm80::kTileCount; t++) {
    const TileShape& tile = kTiles[t];
    if (!sm80::runsOn(tile, grouping, p.transposed, arch)) continue;
    for (int splits : kSplits) {
      if (splits > 1 && (splits * tile.groups > chunks || !sm80::fitsWorkspace(p, t, splits)))
        break;
      const float us = estimate(p, t, splits, arch, sms);
      if (best.tile < 0 || us < best.microseconds) best = {t, splits, us};
    }
  }
  return best;
}

float floorMicroseconds(const FusedProblem& p, int arch) {
  const ArchitectureCost& cost = costOf(arch);
  const float weights =
      p.N * p.K * 0.5f +
      p.N * (p.K / p.groupSize) * static_cast<float>(layout::kEntryBytes / layout::kEntrySize);
  const float bytes = weights + p.M * (p.N + p.K) * 2.f;
  return std::max(bytes / (cost.dramBytesPerNs * 1000.f),
                  2.f * p.M * p.N * p.K / (cost.peakTflops * 1e6f));
}

}  // namespace w4a16::heuristics
