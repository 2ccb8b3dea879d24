/** How long it takes to quantize a 4096×4096 weight. */
import { quantizeHqq, quantizeHqqAsync, quantizeMinMax } from "@w4a16/core";
import { randomNormal, seededRandom } from "@w4a16/reference/testing";
import { repeat } from "../timing/repeat.js";
import type { SuiteContext } from "./context.js";
import { K, N } from "./sizes.js";
import type { Case } from "./small.js";

export async function* quantizeCases({ settings }: SuiteContext): AsyncGenerator<Case> {
  const weight = randomNormal(seededRandom(1), N * K, 0, 0.02);
  const { groupSize } = settings;
  const options = { outFeatures: N, inFeatures: K, groupSize };
  const what = `${N}×${K}, G ${groupSize}`;
  const timed = (name: string, run: () => unknown): Case => ({
    name: `${name}, ${what}`,
    unit: "ms",
    sample: (signal) => repeat(run, signal),
  });
  yield timed("quantizeMinMax", () => quantizeMinMax(weight, options));
  yield timed("quantizeHqq, one thread", () => quantizeHqq(weight, options));
  yield timed("quantizeHqqAsync, all cores", () => quantizeHqqAsync(weight, options));
}
