/** Shapes and group sizes that break kernels: edges of tiles, and what is smaller than one. */
import { DIRECTIONS } from "@w4a16/core";
import { it } from "vitest";
import { randomInt4Weight, randomNormal, seededRandom } from "../testing.js";
import { extents, type Suite } from "./suite.js";

type Shape = readonly [m: number, n: number, k: number, groupSize: number];

const ROWS = [0, 1, 3, 7, 17, 33, 63, 65, 127, 129, 257];
const OUT_FEATURES = [1, 5, 8, 33, 48, 72, 200];
const GROUP_SIZES = [1, 2, 6, 32, 64, 128, 256, 768];

const SHAPES: readonly Shape[] = [
  ...ROWS.map((m) => [m, 72, 128, 64] as const),
  [65537, 3, 4, 4],
  ...OUT_FEATURES.map((n) => [17, n, 128, 32] as const),
  [3, 4224, 32, 32],
  [5, 8, 2, 2],
  [5, 33, 2, 1],
  [5, 8, 6, 6],
  [5, 8, 6, 3],
  [5, 8, 32, 32],
  [16, 8, 4160, 64],
  [3, 5, 4160, 4160],
  [16, 8, 7392, 32],
  [1, 72, 7392, 7392],
  [2, 8, 10944, 64],
  [65, 200, 1056, 32],
  [129, 40, 1088, 64],
  [257, 24, 2080, 32],
  [7, 72, 240, 60],
  [1, 40, 496, 124],
  ...GROUP_SIZES.map((groupSize) => [9, 40, 768, groupSize] as const),
];

export function describeShapes(suite: Suite): void {
  for (const signed of [false, true]) {
    it.each(SHAPES)(
      `M %i, N %i, K %i, G %i, ${signed ? "s4" : "u4"}`,
      async (m, n, k, groupSize) => {
        const random = seededRandom(m + n + k + groupSize);
        const weight = randomInt4Weight(random, {
          outFeatures: n,
          inFeatures: k,
          groupSize,
          signed,
        });
        for (const direction of DIRECTIONS) {
          const x = randomNormal(random, m * extents(weight, direction).reduction);
          for (const dtype of suite.dtypes) {
            await suite.check({ weight, direction, dtype, m, x });
          }
        }
      },
    );
  }
}
