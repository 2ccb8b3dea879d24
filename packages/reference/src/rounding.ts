/** From float64 sums to the elements of a dtype, rounded once. */
import { type DType, encode, type TensorArray } from "@w4a16/core";

/**
 * Rounds float64 values to elements of `dtype`, to nearest even, once: going
 * through float32 would round twice, and wrongly near a tie.
 */
export function encodeExact(dtype: DType, values: Float64Array): TensorArray {
  const single = new Float32Array(values);
  if (dtype !== "float32") roundToOdd(values, single);
  return encode(dtype, single, single.length);
}

/**
 * Makes `single` the values rounded to odd: where float32 cannot hold one, its
 * neighbour with an odd last bit. That bit stands for the part cut off, so the
 * next rounding to a format with at least two bits less is as if from `values`
 * (S. Boldo and G. Melquiond, "Emulation of FMA and correctly rounded sums:
 * proved algorithms using rounding to odd", IEEE Trans. Computers 57, 2008).
 */
function roundToOdd(values: Float64Array, single: Float32Array): void {
  const bits = new Uint32Array(single.buffer);
  for (let i = 0; i < values.length; i++) {
    const exact = values[i]!;
    const rounded = single[i]!;
    if (rounded === exact || Number.isNaN(exact)) continue;
    if (Math.abs(rounded) > Math.abs(exact)) bits[i]! -= 1;
    bits[i]! |= 1;
  }
}
