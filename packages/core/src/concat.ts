import { ArgumentError, describeValue } from "./errors.js";
import { allocateInt4Weight } from "./quantize/blocks.js";
import { type Int4Weight, requireInt4Weight } from "./weight.js";

/**
 * One weight whose out-features are those of `weights` one after another, such
 * as fused Q, K and V: its product is the parts' products side by side.
 *
 * @throws ArgumentError unless all share inFeatures, groupSize and signedness.
 * @throws DeviceError `W4A16_OUT_OF_MEMORY` if the runtime cannot allocate it.
 */
export function concatOutFeatures(weights: readonly Int4Weight[]): Int4Weight {
  const first = Array.isArray(weights) ? (weights[0] as Int4Weight | undefined) : undefined;
  if (first === undefined) {
    throw new ArgumentError({
      code: "W4A16_INVALID_VALUE",
      subject: "weights",
      expected: "an array of at least one Int4Weight",
      received: describeValue(weights),
      fix: "Pass the weights to join, in order.",
    });
  }
  for (const weight of weights) {
    requireInt4Weight(weight);
    for (const field of ["inFeatures", "groupSize", "signed"] as const) {
      if (weight[field] !== first[field]) throw mismatch(field, first, weight);
    }
  }
  const { inFeatures, groupSize, signed } = first;
  const widths = weights.map((weight) => weight.outFeatures);
  const outFeatures = widths.reduce((total, width) => total + width, 0);
  const joined = allocateInt4Weight({ n: outFeatures, k: inFeatures, groupSize }, signed);
  for (const field of ["packed", "scales", "zeros"] as const) {
    const into = joined[field];
    for (let at = 0, row = 0; at < into.length; row++) {
      weights.forEach((weight, i) => {
        const width = widths[i]!;
        into.set(weight[field].subarray(row * width, (row + 1) * width), at);
        at += width;
      });
    }
  }
  return joined;
}

function mismatch(field: keyof Int4Weight, first: Int4Weight, weight: Int4Weight): ArgumentError {
  return new ArgumentError({
    code: "W4A16_INVALID_VALUE",
    subject: field,
    expected: `${String(first[field])}, as in the first weight`,
    received: String(weight[field]),
    fix: "Quantize the weights with the same settings before joining them.",
  });
}
