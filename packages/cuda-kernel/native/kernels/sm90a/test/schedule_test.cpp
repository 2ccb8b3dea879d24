// Host test of the schedule, built with any C++17 compiler: every stage of every tile is computed
// exactly once, each tile is stored once, and the parts of a tail tile are where ctaOf() says,
// those that are waited for at lower indices.
#include <cstdio>
#include <vector>

#include "../schedule.hpp"

using namespace w4a16::sm90a;

static int failures = 0;
#define EXPECT(condition)                                                                   \
  do {                                                                                      \
    if (!(condition))                                                                       \
      failures++, std::printf("FAILED %s: tiles %d stages %d ctas %d direct %d parts %d\n", \
                              #condition, s.tiles, s.stages, s.ctas, s.direct, s.parts);    \
  } while (0)

static void test(Schedule s) {
  s.divisors();
  std::vector<int> computed(static_cast<size_t>(s.tiles) * s.stages), stored(s.tiles);
  for (int cta = 0; cta < s.ctas; cta++) {
    for (int turn = cta; turn < s.turnsEnd(cta); turn += s.ctas) {
      const Piece piece(s, cta, turn);
      EXPECT(piece.begin < piece.end && piece.end <= s.stages && piece.tile < s.tiles);
      for (int i = piece.begin; i < piece.end; i++)
        computed[static_cast<size_t>(piece.tile) * s.stages + i]++;
      stored[piece.tile] += piece.part == 0;
      if (piece.tile < s.direct) continue;
      EXPECT(s.ctaOf(piece.tile, piece.part) == cta);
      for (int p = 1; p < s.parts && piece.part == 0; p++) EXPECT(s.ctaOf(piece.tile, p) < cta);
    }
  }
  for (int c : computed) EXPECT(c == 1);
  for (int c : stored) EXPECT(c == 1);
}

int main() {
  for (int tiles : {1, 2, 7, 40, 131, 132, 133, 160, 200, 263, 264, 265, 300, 448, 1000})
    for (int stages : {1, 2, 3, 8, 64, 116, 224})
      for (int ctas : {1, 7, 114, 132}) {
        test(Schedule{tiles, stages, ctas < tiles ? ctas : tiles, tiles, 1, stages, {}, {}});
        const int tail = tiles % ctas;
        for (int parts = 2; parts <= 4; parts++)
          for (int extra = 0; extra <= 3; extra++) {
            const int firstPart = (stages + parts - 1) / parts + extra;
            if (tail == 0 || tail * parts > ctas || stages - firstPart < parts - 1) continue;
            test(Schedule{tiles,
                          stages,
                          tiles < ctas ? tail * parts : ctas,
                          tiles - tail,
                          parts,
                          firstPart,
                          {},
                          {}});
          }
      }
  std::printf(failures ? "schedule: %d failures\n" : "schedule: all checks passed\n", failures);
  return failures != 0;
}
