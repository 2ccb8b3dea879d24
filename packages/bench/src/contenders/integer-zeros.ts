/** What MatMulNBits can hold, and the weight it holds where its zeros are to be integers. */
import type { Int4Weight } from "@w4a16/core";

/** Why MatMulNBits cannot hold such a weight, or undefined. */
export function unsupportedByNBits(weight: Int4Weight): string | undefined {
  const { groupSize } = weight;
  if (weight.signed) return "MatMulNBits takes u4 codes";
  const powerOfTwo = (groupSize & (groupSize - 1)) === 0;
  if (groupSize >= 16 && powerOfTwo) return undefined;
  return `MatMulNBits takes group sizes that are powers of two from 16, not ${groupSize}`;
}

const roundedZeros = new WeakMap<Int4Weight, Int4Weight>();

/** The same codes and scales with each zero rounded to a code 0..15, which ONNX Runtime has a faster path for. */
export function withIntegerZeros(weight: Int4Weight): Int4Weight {
  const known = roundedZeros.get(weight);
  if (known) return known;
  const zeros = weight.zeros.map((zero) => Math.min(15, Math.max(0, Math.round(zero))));
  const result = { ...weight, zeros };
  roundedZeros.set(weight, result);
  return result;
}
