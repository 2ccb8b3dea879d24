// The precompiled tile shapes of the fused kernel, and the shared memory they take.
#pragma once
#include "../../layout/params.hpp"
#include "../fused_problem.hpp"

namespace w4a16::sm80 {

// The architecture this code is being compiled for, times ten; the host pass compiles no kernel
// body.
#ifdef __CUDA_ARCH__
constexpr int kCompiledArch = __CUDA_ARCH__;
#else
constexpr int kCompiledArch = 800;
#endif

// A CTA computes `features` × `tokens` of the output with `groups` independent groups of
// warps, each with its own share of the reduction and its own copy pipeline; a
// group's warps tile the output by warpFeatures × warpTokens.
struct TileShape {
  int features, tokens, warpFeatures, warpTokens, groups;
  int ctasPerSm;
  int maxStages;       // of 64 along the reduction, a group
  bool broad = false;  // weights are dequantized once a CTA, into shared memory (broad.cuh); else
                       // by every warp

  constexpr int groupWarps() const { return features / warpFeatures * (tokens / warpTokens); }
  constexpr int threads() const { return groupWarps() * groups * 32; }
};

constexpr TileShape kTiles[] = {
    {32, 8, 32, 8, 8, 1, 8},            // 0
    {32, 16, 32, 16, 8, 1, 8},          // 1
    {32, 32, 32, 32, 8, 1, 6},          // 2
    {64, 32, 32, 32, 4, 1, 8},          // 3
    {64, 64, 32, 64, 4, 1, 6},          // 4
    {64, 128, 32, 128, 4, 1, 4},        // 5
    {128, 128, 32, 128, 2, 1, 5},       // 6
    {128, 128, 32, 128, 1, 2, 5},       // 7
    {128, 16, 64, 16, 4, 1, 6},         // 8: few tokens of a wide layer
    {128, 256, 64, 64, 1, 1, 5, true},  // 9: many tokens, where an SM has shared memory for it
};
constexpr int kTileCount = sizeof(kTiles) / sizeof(kTiles[0]);

constexpr int kChunk = layout::kTileSize;  // reduction per stage
constexpr int kSlabs = 4;                  // k16 steps per stage

// Entries of the parameter table that one stage holds.
constexpr int paramEntries(const TileShape& t, Grouping g, bool transposed) {
  if (g == Grouping::Element) return 0;
  if (g == Grouping::Fine) return kSlabs * (t.features / 16);
  return transposed ? kSlabs * ceilDiv(t.features, 64) : t.features / 16;
}

struct StageBytes {
  int x, weights, params, total;
  constexpr StageBytes(const TileShape& t, Grouping g, bool transposed)
      : x(t.tokens * kChunk * 2),
        weights(t.features * kChunk / 2),
        params(paramEntries(t, g, transposed) * layout::kEntryBytes),
        total(roundUp(x + weights + params, 128)) {}
};

// Whether a warp keeps its shared-memory addresses in registers or computes them for each stage.
// The forward product holds more parameters; on its largest tiles keeping addresses too was 4%
// slower on an H100 (elsewhere, computing them spills).
constexpr bool holdsAddresses(const TileShape& t, bool transposed) {
  return transposed || t.broad || t.features < 128 || kCompiledArch != 900;
}

// Whether a warp may not load fragments of a slab ahead of the one before it: ptxas would, until
// registers spill. On an H100 it is 8% faster, forward, at 128 × 128 in two groups.
constexpr bool fencesSlabs(const TileShape& t) {
  return t.warpTokens > 64;
}

// Shared memory one SM has, by the architecture the code was compiled for (times ten).
constexpr int sharedBytesPerSm(int arch) {
  return arch >= 900 && arch < 1200   ? 228 * 1024
         : arch == 800 || arch == 870 ? 164 * 1024
                                      : 100 * 1024;
}
constexpr int kReservedPerCta = 1024;

// A broad tile's dequantized fragments, of this stage and the next.
constexpr int broadFragmentBytes(const TileShape& t) {
  return t.broad ? 2 * t.features * kChunk * 2 : 0;
}

constexpr int stageCount(const TileShape& t, Grouping g, bool transposed, int arch) {
  const int budget = sharedBytesPerSm(arch) / t.ctasPerSm - kReservedPerCta - broadFragmentBytes(t);
  const int fit = budget / (t.groups * StageBytes(t, g, transposed).total);
  return fit < t.maxStages ? fit : t.maxStages;
}

// The finished tile is collected in shared memory as float32, by tokens. Of each eight features the
// first four lie in the lower half of a token's row, the others in the upper half, 4 floats apart
// from it: so neither lanes that write fragments meet in a bank, nor lanes that read four floats.
constexpr int collectHalf(const TileShape& t) {
  return t.features / 2 + 4;
}
constexpr int collectPitch(const TileShape& t) {
  return t.features + 4;
}
constexpr int collectBytes(const TileShape& t) {
  return t.tokens * collectPitch(t) * 4;
}

constexpr int sharedBytes(const TileShape& t, Grouping g, bool transposed, int arch) {
  const int pipeline =
      stageCount(t, g, transposed, arch) * t.groups * StageBytes(t, g, transposed).total +
      broadFragmentBytes(t);
  return pipeline > collectBytes(t) ? pipeline : collectBytes(t);
}

// How many groups can collect side by side; otherwise they add one after the other.
constexpr bool collectAtOnce(const TileShape& t, Grouping g, bool transposed, int arch) {
  return t.groups * collectBytes(t) <= sharedBytes(t, g, transposed, arch);
}
// Two stages are the least that overlaps anything (three where the next is dequantized ahead);
// element-wise parameters need registers that the largest warp tiles do not leave.
constexpr bool runsOn(const TileShape& t, Grouping g, bool transposed, int arch) {
  return stageCount(t, g, transposed, arch) >= (t.broad ? 3 : 2) &&
         !(g == Grouping::Element && (t.broad || t.warpTokens > 64));
}

}  // namespace w4a16::sm80
