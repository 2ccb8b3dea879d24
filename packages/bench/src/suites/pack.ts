/** How long it takes to pack and unpack the codes of a 4096×4096 weight. */
import { packHqq, packLinear, unpackHqq, unpackLinear } from "@w4a16/packing";
import { seededRandom } from "@w4a16/reference/testing";
import { repeat } from "../timing/repeat.js";
import type { SuiteContext } from "./context.js";
import { K, N } from "./sizes.js";
import type { Case } from "./small.js";

export async function* packCases(_context: SuiteContext): AsyncGenerator<Case> {
  const random = seededRandom(1);
  const codes = Uint8Array.from({ length: N * K }, () => random.bits() >>> 28);
  const shape = { outFeatures: N, inFeatures: K };
  const packed = packLinear(codes, shape);
  const groups = { rows: (N * K) / 64, cols: 64, bits: 4 } as const;
  const packedHqq = packHqq(codes, groups);
  const timed = (name: string, run: () => unknown): Case => ({
    name: `${name}, ${N}×${K}`,
    unit: "ms",
    sample: (signal) => repeat(run, signal),
  });
  yield timed("packLinear", () => packLinear(codes, shape));
  yield timed("unpackLinear", () => unpackLinear(packed, shape));
  yield timed("packHqq, 4 bits", () => packHqq(codes, groups));
  yield timed("unpackHqq, 4 bits", () => unpackHqq(packedHqq, groups));
}
