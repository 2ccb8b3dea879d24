/**
 * Groups with a scale of 0 and a bias: every element is the bias, whatever its
 * code, which (code − zero)·scale cannot say. Codes of 0 with the bias as the
 * scale and a zero of −1 can.
 */
import type { LinearShape } from "@w4a16/packing";

/** Rewrites such groups of a row-interleaved weight in place. */
export function blankConstantGroups(
  packed: Uint8Array,
  scales: Float32Array,
  biases: Float32Array,
  { outFeatures: n, inFeatures: k }: LinearShape,
): void {
  const groupSize = (k * n) / scales.length;
  for (let i = 0; i < scales.length; i++) {
    if (scales[i] !== 0 || biases[i] === 0) continue;
    const column = i % n;
    const first = Math.floor(i / n) * groupSize;
    for (let row = first; row < first + groupSize; row++) {
      packed[(row >> 1) * n + column]! &= row & 1 ? 0x0f : 0xf0;
    }
    // biasesToZeros then gives −bias/scale = −1.
    scales[i] = biases[i]!;
  }
}
