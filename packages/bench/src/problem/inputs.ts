/** Random activations of one product. */
import { bytesPerElement, type Direction, type DType, roundTo } from "@w4a16/core";
import { type Random, randomNormal } from "@w4a16/reference/testing";
import type { Shape } from "../shapes.js";

/** The operands of a product but for its weight. */
export interface Inputs {
  readonly shape: Shape;
  readonly direction: Direction;
  readonly dtype: DType;
  /** Values [m, reduction], normally distributed, exact in `dtype`. */
  readonly x: Float32Array;
  /** What is summed over: K forward, N transposed. */
  readonly reduction: number;
  /** The output's columns: N forward, K transposed. */
  readonly width: number;
}

export function randomInputs(
  random: Random,
  shape: Shape,
  direction: Direction,
  dtype: DType,
): Inputs {
  const { m, n, k } = shape;
  const [reduction, width] = direction === "matmul" ? [k, n] : [n, k];
  const x = roundTo(dtype, randomNormal(random, m * reduction));
  return { shape, direction, dtype, x, reduction, width };
}

/** Multiplications and additions of a product. */
export function operationCount({ m, n, k }: Shape): number {
  return 2 * m * n * k;
}

/** Bytes that must move at least once: codes, scales and zeros, x and y, parameters in `dtype`. */
export function byteCount(shape: Shape, groupSize: number, dtype: DType): number {
  const { n, k } = shape;
  const parameters = (2 * n * k) / groupSize;
  return (n * k) / 2 + bytesPerElement(dtype) * parameters + activationByteCount(shape, dtype);
}

/** Bytes of x and y. */
export function activationByteCount({ m, n, k }: Shape, dtype: DType): number {
  return bytesPerElement(dtype) * m * (n + k);
}
