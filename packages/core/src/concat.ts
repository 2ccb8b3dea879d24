import { ArgumentError, describeValue } from "./errors.js";
import { type Int4Weight, requireInt4Weight } from "./weight.js";

/**
 * One weight whose out-features are those of `weights` one after another, such
 * as fused Q, K and V: its product is the parts' products side by side.
 *
 * @throws ArgumentError unless all share inFeatures, groupSize and signedness.
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
  const join = <T extends Uint8Array | Float32Array>(rows: number, into: T, parts: T[]): T => {
    for (let row = 0, at = 0; row < rows; row++) {
      parts.forEach((part, i) => {
        const width = widths[i]!;
        into.set(part.subarray(row * width, (row + 1) * width), at);
        at += width;
      });
    }
    return into;
  };
  const groups = inFeatures / groupSize;
  const parameters = () => new Float32Array(groups * outFeatures);
  return {
    outFeatures,
    inFeatures,
    groupSize,
    signed,
    packed: join(
      inFeatures / 2,
      new Uint8Array((inFeatures / 2) * outFeatures),
      weights.map(({ packed }) => packed),
    ),
    scales: join(
      groups,
      parameters(),
      weights.map(({ scales }) => scales),
    ),
    zeros: join(
      groups,
      parameters(),
      weights.map(({ zeros }) => zeros),
    ),
  };
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
