// What a packed weight's values are like, as far as the choice of a kernel depends on it.
#pragma once

#include <vector>

#include "kernels/job.h"

namespace w4a16 {

struct TileSurvey {
  bool hasTinyScales = false;
  // Of some codes, weighted by their scales: Σ scale²·(code - 8)² and Σ scale²·(code - zero)².
  double aboutEight = 0, aboutZeros = 0;
  // What rounding zero - 8 to float32 costs all of a group alike, in units of aboutEight.
  double drift = 0;
};

// Sets the scales of a packed tile, which `scales` begins, to 0 where all codes of a group are at
// the zero: a quantizer gives such a group any scale, which beside ordinary ones would spoil the
// fixed point of its neighbours.
void clearIdleScales(const WeightView& w, size_t tile, float* scales);

// Looks at the columns of a packed tile that are not exceptional.
TileSurvey surveyTile(const WeightView& w, size_t tile);

TileSurvey sumOf(const std::vector<TileSurvey>& tiles);

// How much further codes lie from 8 than from their zeros, as a ratio of squares: that much more
// sums relative to 8 lose in float32 of what subtracting the zeros' part is to leave.
float offCentre(const TileSurvey& whole);

// As offCentre, of forward products, which subtract the same rounded zero all along a group.
float forwardOffCentre(const TileSurvey& whole);

// Fills w.spikyGroups.
void findSpikyGroups(WeightView& w);

}  // namespace w4a16
