/** The product computed in float64 from the exact (code − zero) · scale: what every device is checked against. */
import {
  allocateOrThrow,
  type Direction,
  type Int4Weight,
  requireInstance,
  requireInt4Weight,
  requireInteger,
  requireLength,
} from "@w4a16/core";
import { multiply } from "./multiply/multiply.js";

/** Values the oracle takes; float32 values are exact in float64. */
export type ExactInput = Float32Array | Float64Array;

/**
 * Y = X·Wᵀ + bias in float64: x [m, K] → [m, N].
 *
 * @param bias [N], optional.
 * @throws ArgumentError on a malformed weight, or an array of the wrong class or length.
 */
export function exactMatmul(
  weight: Int4Weight,
  x: ExactInput,
  m: number,
  bias?: ExactInput,
): Float64Array {
  return exact("matmul", weight, x, m, bias);
}

/**
 * dX = dY·W + bias in float64: dy [m, N] → [m, K].
 *
 * @param bias [K], optional.
 * @throws ArgumentError as {@link exactMatmul}.
 */
export function exactMatmulTransposed(
  weight: Int4Weight,
  dy: ExactInput,
  m: number,
  bias?: ExactInput,
): Float64Array {
  return exact("matmulTransposed", weight, dy, m, bias);
}

function exact(
  direction: Direction,
  weight: Int4Weight,
  x: ExactInput,
  m: number,
  bias: ExactInput | undefined,
): Float64Array {
  requireInt4Weight(weight);
  requireInteger("m", m, 0);
  const { outFeatures: n, inFeatures: k } = weight;
  const forward = direction === "matmul";
  const subject = forward ? "x" : "dy";
  const [reduction, width] = forward ? [k, n] : [n, k];
  requireInstance<ExactInput>(subject, x, [Float32Array, Float64Array]);
  requireLength(subject, x, m * reduction, forward ? "[m, inFeatures]" : "[m, outFeatures]");
  if (bias !== undefined) {
    requireInstance<ExactInput>("bias", bias, [Float32Array, Float64Array]);
    requireLength("bias", bias, width, forward ? "[outFeatures]" : "[inFeatures]");
  }
  const y = allocateOrThrow(8 * m * width, () => {
    // Without rows, x may be detached.
    const wide = m === 0 ? new Float64Array(0) : new Float64Array(x);
    return multiply(weight, direction, "float64", wide, m);
  });
  if (bias !== undefined) addBias(y, bias, width);
  return y;
}

/** Adds `bias` [width] to every row of y [m, width]. */
export function addBias(y: Float64Array, bias: ExactInput, width: number): void {
  for (let row = 0; row < y.length; row += width) {
    for (let c = 0; c < width; c++) y[row + c]! += bias[c]!;
  }
}
