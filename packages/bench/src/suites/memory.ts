/** What a weight costs in memory: on the device by its own account, and in the process. */
import { randomInt4Weight, seededRandom } from "@w4a16/reference/testing";
import type { SuiteContext } from "./context.js";
import type { Case } from "./small.js";

const MIB = 2 ** 20;
const N = 4096;
const K = 4096;
/** Weights held at once, so that the process's own ups and downs stay small beside them. */
const WEIGHTS = 8;

export async function* memoryCases({ device, settings }: SuiteContext): AsyncGenerator<Case> {
  const { groupSize } = settings;
  const weight = randomInt4Weight(seededRandom(1), { outFeatures: N, inFeatures: K, groupSize });
  const what = `${N}×${K}, G ${groupSize}`;
  const value = (name: string, bytes: number): Case => ({
    name: `${name}, ${what}`,
    unit: "MiB",
    sample: async () => [bytes / MIB],
  });
  yield value("float16 weight", 2 * N * K);
  const { packed, scales, zeros } = weight;
  yield value("Int4Weight", packed.byteLength + scales.byteLength + zeros.byteLength);

  const heldBefore = device.memory().weights;
  const residentBefore = process.memoryUsage.rss();
  const loaded = Array.from({ length: WEIGHTS }, () => device.loadWeight(weight));
  await device.synchronize();
  const held = (device.memory().weights - heldBefore) / WEIGHTS;
  const resident = (process.memoryUsage.rss() - residentBefore) / WEIGHTS;
  for (const each of loaded) each.dispose();
  yield value("loaded weight, as the device counts", held);
  yield value("loaded weight, growth of the process", resident);
}
