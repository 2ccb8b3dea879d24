/** From float64 sums to the elements of a dtype, rounded once. */
import { type DType, encode, roundToOdd, type TensorArray } from "@w4a16/core";

/**
 * Rounds float64 values to elements of `dtype`, to nearest even, once: going
 * through float32 to nearest would round twice, and wrongly near a tie.
 */
export function encodeExact(dtype: DType, values: Float64Array): TensorArray {
  const single = new Float32Array(values);
  if (dtype !== "float32") {
    for (let i = 0; i < values.length; i++) single[i] = roundToOdd(values[i]!);
  }
  return encode(dtype, single, single.length);
}
