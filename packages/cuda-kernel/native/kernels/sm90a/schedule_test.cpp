// Host test of the schedule, built with any C++17 compiler: every stage of every tile is computed exactly once,
// each tile has one CTA that stores it, and that CTA finds exactly the partials that were left, all by CTAs
// of a lower index.
#include <cstdio>
#include <vector>

#include "schedule.hpp"

using namespace w4a16::sm90a;

static int failures = 0;
#define EXPECT(condition)                                                                                                   \
  do {                                                                                                                      \
    if (!(condition)) failures++, std::printf("FAILED %s: tiles %d stages %d ctas %d direct %d\n", #condition, s.tiles, s.stages, s.ctas, s.direct); \
  } while (0)

static void test(const Schedule& s) {
  std::vector<int> computed(static_cast<size_t>(s.tiles) * s.stages), stored(s.tiles), left(s.ctas), read(s.ctas);
  for (int cta = 0; cta < s.ctas; cta++) {
    Pieces pieces(s, cta);
    Piece piece;
    bool first = true;
    while (pieces.next(piece)) {
      EXPECT(piece.begin < piece.end && piece.end <= s.stages && piece.tile < s.tiles);
      for (int i = piece.begin; i < piece.end; i++) computed[static_cast<size_t>(piece.tile) * s.stages + i]++;
      if (piece.tile >= s.direct && piece.begin > 0) {
        EXPECT(first);  // a partial tile is a run's first piece
        left[s.runOf(cta)]++;
      } else {
        stored[piece.tile]++;
        if (piece.end < s.stages) {
          const int tileEnd = (piece.tile - s.direct + 1) * s.stages;
          for (int next = s.runOf(cta) + 1; next < s.ctas && s.runBegin(next) < tileEnd; next++) {
            read[next]++;
            EXPECT(s.ctas - 1 - next < cta);
          }
        }
      }
      if (piece.tile >= s.direct) first = false;
    }
  }
  for (int c : computed) EXPECT(c == 1);
  for (int c : stored) EXPECT(c == 1);
  EXPECT(left == read);
}

int main() {
  for (int tiles : {1, 2, 7, 131, 132, 133, 160, 200, 263, 264, 265, 300, 448, 1000})
    for (int stages : {1, 2, 3, 64, 116, 224})
      for (int ctas : {1, 7, 114, 132}) {
        test({tiles, stages, ctas < tiles ? ctas : tiles, tiles});
        const int direct = tiles / ctas > 1 ? (tiles / ctas - 1) * ctas : 0;
        if ((tiles - direct) * stages >= ctas) test({tiles, stages, ctas, direct});
      }
  std::printf(failures ? "schedule: %d failures\n" : "schedule: all checks passed\n", failures);
  return failures != 0;
}
