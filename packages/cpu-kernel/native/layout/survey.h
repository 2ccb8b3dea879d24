// What a packed weight's values are like, as far as the choice of a kernel depends on it.
#pragma once

#include <vector>

#include "kernels/job.h"

namespace w4a16 {

struct TileSurvey {
  bool hasTinyScales = false;
  // Of some codes, weighted by their scales: Σ scale²·(code - 8)² and Σ scale²·(code - zero)².
  double aboutEight = 0, aboutZeros = 0;
};

// Looks at a tile whose codes, scales and zeros are packed already, and sets those of its scales
// to 0 that multiply nothing but zeros.
TileSurvey surveyTile(const WeightView& w, size_t tile, float* scales);

TileSurvey sumOf(const std::vector<TileSurvey>& tiles);

// Whether codes lie about as far from 8 as from their zeros. Where they lie much further, sums
// relative to 8 lose in float32 what subtracting the zeros' part is to leave.
bool isCentred(const TileSurvey& whole);

// Fills w.spikyGroups.
void findSpikyGroups(WeightView& w);

}  // namespace w4a16
