/** The quantized weight every package shares, and what makes one well formed. */
import {
  ArgumentError,
  describeValue,
  requireEvenInFeatures,
  requireInstance,
  requireInteger,
  requireLength,
} from "./errors.js";

/**
 * A linear layer's weight [N, K] in 4 bits, W ≈ (code − zero) · scale, with one
 * (scale, zero) for each out-feature and group of G in-features.
 *
 * Plain data: structured-clonable and serializable.
 */
export interface Int4Weight {
  /** N, the rows of the weight. */
  readonly outFeatures: number;
  /** K, the columns of the weight; even. */
  readonly inFeatures: number;
  /** G, in-features to a group; divides K. */
  readonly groupSize: number;
  /** True: s4 codes −8..7. False: u4 codes 0..15. */
  readonly signed: boolean;
  /** The codes in row interleave, bytes [K/2, N]. */
  readonly packed: Uint8Array;
  /** [K/G, N]. */
  readonly scales: Float32Array;
  /** [K/G, N], real numbers in units of a code. */
  readonly zeros: Float32Array;
}

/** Checks that G is a whole number ≥ 1 that divides K. Throws `W4A16_INVALID_GROUP_SIZE`. */
export function requireGroupSize(groupSize: unknown, inFeatures: number): number {
  requireInteger("inFeatures", inFeatures, 1);
  const isCount = typeof groupSize === "number" && Number.isInteger(groupSize) && groupSize >= 1;
  if (isCount && inFeatures % groupSize === 0) return groupSize;
  throw new ArgumentError({
    code: "W4A16_INVALID_GROUP_SIZE",
    subject: "groupSize",
    expected: `a whole number that divides inFeatures = ${inFeatures}`,
    received: describeValue(groupSize),
    fix: "Choose a divisor such as 32, 64 or 128, or inFeatures itself for one group a row.",
  });
}

/** Checks N, K and G of a weight: N ≥ 1, K ≥ 2 and even, G a divisor of K. */
export function requireWeightShape(shape: {
  readonly outFeatures: unknown;
  readonly inFeatures: unknown;
  readonly groupSize: unknown;
}): { n: number; k: number; groupSize: number } {
  const n = requireInteger("outFeatures", shape.outFeatures, 1);
  const k = requireInteger("inFeatures", shape.inFeatures, 1);
  requireEvenInFeatures(k);
  return { n, k, groupSize: requireGroupSize(shape.groupSize, k) };
}

/**
 * Checks that `weight` is well formed: classes, shape and lengths. Scales and
 * zeros may hold any number, since what they do to a product is defined.
 *
 * @returns the fields as they were checked, whatever getters say the next time.
 * @throws ArgumentError naming the field that is wrong.
 */
export function requireInt4Weight(weight: Int4Weight): Int4Weight {
  if (typeof weight !== "object" || weight === null) {
    throw new ArgumentError({
      code: "W4A16_INVALID_TYPE",
      subject: "weight",
      expected: "an Int4Weight",
      received: describeValue(weight),
      fix: "Make one with quantizeHqq or quantizeMinMax, or load one from a file.",
    });
  }
  const { outFeatures, inFeatures, signed, packed, scales, zeros } = weight;
  const { n, k, groupSize } = requireWeightShape({
    outFeatures,
    inFeatures,
    groupSize: weight.groupSize,
  });
  if (typeof signed !== "boolean") {
    throw new ArgumentError({
      code: "W4A16_INVALID_TYPE",
      subject: "weight.signed",
      expected: "true (s4) or false (u4)",
      received: describeValue(signed),
      fix: "Say whether the codes are signed.",
    });
  }
  requireInstance("weight.packed", packed, [Uint8Array]);
  requireLength("weight.packed", packed, (k / 2) * n, "[inFeatures/2, outFeatures]");
  const parameters = (k / groupSize) * n;
  const shape = "[inFeatures/groupSize, outFeatures]";
  requireInstance("weight.scales", scales, [Float32Array]);
  requireLength("weight.scales", scales, parameters, shape);
  requireInstance("weight.zeros", zeros, [Float32Array]);
  requireLength("weight.zeros", zeros, parameters, shape);
  return { outFeatures: n, inFeatures: k, groupSize, signed, packed, scales, zeros };
}

/** Bytes of a weight's codes, scales and zeros in memory. */
export function weightByteLength({ packed, scales, zeros }: Int4Weight): number {
  return packed.byteLength + scales.byteLength + zeros.byteLength;
}
