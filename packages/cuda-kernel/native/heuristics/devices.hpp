// What the cost model knows of each architecture. Figures are per SM and clock, of the
// `mma.sync` path; where no card could be measured they come from data sheets.
#pragma once

namespace w4a16::heuristics {

struct ArchitectureCost {
  int arch;              // compiled architecture, times ten; the last entry not above it applies
  float tensorFma;       // 16-bit multiply-adds with float32 accumulation
  float l2Bytes;         // L2 to SM
  float clockGhz;        // sustained
  float dramBytesPerNs;  // device memory, whole card
};

constexpr ArchitectureCost kArchitectures[] = {
    {800, 1024, 40, 1.41f, 1500},   // A100
    {860, 512, 32, 1.70f, 700},     // A6000, A40, 3090
    {890, 512, 40, 2.20f, 900},     // L40, 4090
    {900, 1300, 48, 1.75f, 3000},   // H100
    {1200, 512, 40, 2.20f, 1500},   // RTX PRO 6000, 5090
};

}  // namespace w4a16::heuristics
