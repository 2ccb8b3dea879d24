// Which parts of which output tiles a persistent CTA computes (Family::Whole).
//
// Tiles [0, direct) are dealt out whole. The others are laid end to end along the reduction
// and cut into equal runs, one a CTA, so that no wave is ragged ("stream-K": Osama et al.,
// 2023). A run that starts inside a tile leaves a partial tile in the workspace; the CTA whose
// run holds the tile's start adds the partials in a fixed order and stores. A run's
// unfinished start is its first piece and its unfinished end its last, so partials
// are written long before they are read.
//
// CTA b takes run ctas − 1 − b: a CTA then waits only for CTAs with a lower index, which
// were started before it. So nothing depends on all CTAs being resident at once.
#pragma once
#include "../../layout/host_device.hpp"

namespace w4a16::sm90a {

struct Schedule {
  int tiles = 0;    // output tiles
  int stages = 0;   // of the reduction, to a tile
  int ctas = 0;
  int direct = 0;   // tiles dealt out whole

  W4A16_HOST_DEVICE int shared() const { return tiles - direct; }
  // Where run r begins, in stages from the start of the first shared tile. shared · stages · ctas < 2³¹.
  W4A16_HOST_DEVICE int runBegin(int r) const { return shared() * stages * r / ctas; }
  W4A16_HOST_DEVICE int runOf(int cta) const { return ctas - 1 - cta; }
};

struct Piece {
  int tile;
  int begin, end;  // stages
};

// The pieces of one CTA, in order.
class Pieces {
 public:
  W4A16_HOST_DEVICE Pieces(const Schedule& schedule, int cta)
      : s_(schedule), tile_(cta), at_(schedule.runBegin(schedule.runOf(cta))), end_(schedule.runBegin(schedule.runOf(cta) + 1)) {}

  W4A16_HOST_DEVICE bool next(Piece& piece) {
    if (tile_ < s_.direct) {
      piece = {tile_, 0, s_.stages};
      tile_ += s_.ctas;
      return true;
    }
    if (at_ >= end_) return false;
    const int tile = at_ / s_.stages, begin = at_ - tile * s_.stages, left = end_ - at_;
    const int end = left < s_.stages - begin ? begin + left : s_.stages;
    piece = {s_.direct + tile, begin, end};
    at_ += end - begin;
    return true;
  }

 private:
  const Schedule& s_;
  int tile_, at_, end_;
};

}  // namespace w4a16::sm90a
