import { ArgumentError, requireInstance, requireInteger } from "./errors.js";
import { allocateOrThrow } from "./memory.js";
import { type Int4Weight, requireInt4Weight } from "./weight.js";

/**
 * The weight [N, K] in float32, W = (code − zero) · scale, each operation
 * rounded to float32.
 *
 * @throws ArgumentError if the weight is not well formed.
 */
export function dequantize(weight: Int4Weight): Float32Array {
  requireInt4Weight(weight);
  const length = weight.outFeatures * weight.inFeatures;
  const values = allocateOrThrow(4 * length, () => new Float32Array(length));
  dequantizeRows(weight, 0, weight.outFeatures, values);
  return values;
}

/**
 * Dequantizes out-features `n0` to `n1` into the start of `out`, [n1 − n0, K],
 * for callers that want a part of a weight at a time. `out` decides the
 * precision: a `Float64Array` receives (code − zero) · scale without the
 * roundings to float32.
 *
 * @throws ArgumentError if the weight is not well formed, on rows that it does not have, or
 * an `out` that is too short.
 */
export function dequantizeRows(
  weight: Int4Weight,
  n0: number,
  n1: number,
  out: Float32Array | Float64Array,
): void {
  const {
    outFeatures: n,
    inFeatures: k,
    groupSize,
    packed,
    scales,
    zeros,
  } = requireInt4Weight(weight);
  requireInteger("n1", n1, requireInteger("n0", n0, 0, n), n);
  requireInstance<Float32Array | Float64Array>("out", out, [Float32Array, Float64Array]);
  if (out.length < (n1 - n0) * k) throw outTooShort((n1 - n0) * k, out.length);
  const shift = weight.signed ? 28 : 0;
  const single = out instanceof Float32Array;
  // 64 out-features at a time keep the rows being written and the line of
  // bytes being read in the first-level cache.
  for (let from = n0; from < n1; from += 64) {
    const to = Math.min(n1, from + 64);
    for (let c = 0; c < k; c++) {
      const bytes = (c >> 1) * n;
      const high = (c & 1) * 4;
      const group = Math.floor(c / groupSize) * n;
      for (let row = from; row < to; row++) {
        const code = (((packed[bytes + row]! >> high) & 15) << shift) >> shift;
        const difference = code - zeros[group + row]!;
        out[(row - n0) * k + c] =
          (single ? Math.fround(difference) : difference) * scales[group + row]!;
      }
    }
  }
}

function outTooShort(elements: number, length: number): ArgumentError {
  return new ArgumentError({
    code: "W4A16_INVALID_LENGTH",
    subject: "out",
    expected: `at least ${elements} elements, [n1 − n0, inFeatures]`,
    received: `${length} elements`,
    fix: "Pass a longer array, or dequantize fewer rows at a time.",
  });
}
