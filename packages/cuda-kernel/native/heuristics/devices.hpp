// What the cost model knows: how long each tile takes on an H100, measured there, and
// how other architectures compare, from data sheets until someone measures them.
#pragma once

namespace w4a16::heuristics {

struct ArchitectureCost {
  int arch;              // compiled architecture, times ten; the last entry not above it applies
  float relativeTensor;  // cycles of a tile over those on an H100: `mma.sync` per SM and clock
  float clockGhz;        // sustained
  float dramBytesPerNs;  // whole card
  float peakTflops;      // 16-bit products, float32 sums, at their fastest: for floorMicroseconds()
};

// A code, and its share of the parameters of a group of 128.
constexpr float kBytesPerWeightElement = 0.54f;

constexpr ArchitectureCost kArchitectures[] = {
    {800, 1.1f, 1.41f, 1500.f, 312.f},   // A100
    {860, 2.1f, 1.70f, 690.f, 155.f},    // A6000, A40, 3090
    {890, 2.1f, 2.30f, 860.f, 165.f},    // L40, 4090
    {900, 1.0f, 1.75f, 3000.f, 800.f},   // H100
    {1200, 2.1f, 2.30f, 1600.f, 210.f},  // RTX PRO 6000, 5090
};

// H100 cycles for 64 of the reduction, of one CTA with all of its SM's CTAs present, and of one
// that has the SM to itself; and the same where the copy engine fills its stages (sm80/bulk).
// In the order of kTiles.
struct TileCost {
  float together, alone;
  float bulkTogether = together, bulkAlone = alone;
};
constexpr TileCost kTileCosts[] = {
    {140, 140},
    {146, 146},
    {200, 200},
    {335, 335},
    {470, 470},
    {740, 740, 594, 594},
    {1300, 1300, 1085, 1085},
    {1250, 1600},
    {500, 500},
    {2100, 2100, 1920, 1920},
};

}  // namespace w4a16::heuristics
