/** How long a device takes to load a weight and to copy activations in and out. */
import { randomInt4Weight, randomNormal, seededRandom } from "@w4a16/reference/testing";
import { repeat } from "../timing/repeat.js";
import type { SuiteContext } from "./context.js";
import { K, N } from "./sizes.js";
import type { Case } from "./small.js";

const SIZES = [
  [N, K],
  [14336, K],
] as const;
const ROWS = 256;
const COLUMNS = 4096;

export async function* loadCases({ device, settings }: SuiteContext): AsyncGenerator<Case> {
  const { groupSize, dtype } = settings;
  for (const [n, k] of SIZES) {
    const shape = { outFeatures: n, inFeatures: k, groupSize };
    const weight = randomInt4Weight(seededRandom(1), shape);
    const run = async () => {
      const loaded = device.loadWeight(weight);
      await device.synchronize();
      loaded.dispose();
    };
    yield {
      name: `loadWeight, ${n}×${k}, G ${groupSize}`,
      unit: "ms",
      sample: (signal) => repeat(run, signal),
    };
  }
  const values = randomNormal(seededRandom(2), ROWS * COLUMNS);
  const tensor = device.tensor([ROWS, COLUMNS], dtype, values);
  const what = `${ROWS}×${COLUMNS} ${dtype}`;
  const write = async () => {
    tensor.write(values);
    await device.synchronize();
  };
  yield {
    name: `write float32 into ${what}`,
    unit: "ms",
    sample: (signal) => repeat(write, signal),
  };
  yield {
    name: `read ${what}`,
    unit: "ms",
    sample: (signal) => repeat(() => tensor.read(), signal),
  };
  tensor.dispose();
}
