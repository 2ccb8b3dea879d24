// Which parts of which output tiles a persistent CTA computes (Family::Whole).
//
// Tiles are dealt out whole, wave by wave. If the last wave leaves at least half of the CTAs idle,
// its tiles may be cut into `parts` along the reduction, one part a CTA: the tail. All CTAs of a
// tail start together and those with the same part read the same activations and weights at the
// same time, which L2 serves once; equal runs across tile borders ("stream-K") lose that, and
// measured slower.
//
// Part 0 starts the tile, adds the partial tiles that the others leave in the workspace, in a fixed
// order, and stores. It is a little longer, so that the others are done when it wants their sums.
// The others are CTAs with lower indices, which were started before it, and they wait for nobody:
// nothing depends on all CTAs being resident at once.
#pragma once
#include "../common/fast_divisor.hpp"

namespace w4a16::sm90a {

struct Schedule {
  int tiles = 0;   // output tiles
  int stages = 0;  // of the reduction, to a tile
  int ctas = 0;
  int direct = 0;                    // tiles dealt out whole; the rest is the tail
  int parts = 1;                     // CTAs to a tile of the tail
  int firstPart = 0;                 // stages of part 0
  FastDivisor byTail, byLaterParts;  // by tail() and by parts − 1: see divisors()

  // Sets the divisors, after everything else.
  Schedule& divisors() {
    byTail = FastDivisor(tail() > 0 ? tail() : 1);
    byLaterParts = FastDivisor(parts > 1 ? parts - 1 : 1);
    return *this;
  }
  W4A16_HOST_DEVICE int tail() const { return tiles - direct; }
  // Part p is stages [partBegin(p), partBegin(p + 1)).
  W4A16_HOST_DEVICE int partBegin(int p) const {
    return p == 0 ? 0 : firstPart + byLaterParts.divide((stages - firstPart) * (p - 1));
  }
  // The CTA of a part: parts in falling order, tile after tile in each.
  W4A16_HOST_DEVICE int ctaOf(int tile, int part) const {
    return (parts - 1 - part) * tail() + (tile - direct);
  }

  // A CTA's turns: cta, cta + ctas, ... below turnsEnd(cta). A turn below `direct` is a tile; the
  // one beyond is the CTA's part of the tail. (Plain counting: the compiler must see that all
  // threads do the same.)
  W4A16_HOST_DEVICE int turnsEnd(int cta) const {
    return direct + (cta < tail() * parts ? ctas : 0);
  }
};

// What a CTA computes in one turn.
struct Piece {
  int tile;
  int part;        // 0: this CTA stores the tile
  int begin, end;  // stages

  W4A16_HOST_DEVICE Piece(const Schedule& s, int cta, int turn)
      : tile(turn), part(0), begin(0), end(s.stages) {
    if (__builtin_expect(turn < s.direct, 1)) return;
    const int round = s.byTail.divide(cta);
    part = s.parts - 1 - round;
    tile = s.direct + cta - round * s.tail();
    begin = s.partBegin(part), end = s.partBegin(part + 1);
  }
};

}  // namespace w4a16::sm90a
