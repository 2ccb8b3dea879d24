/** Assertions of the suite. */
import { type DType, isW4A16Error } from "@w4a16/core";
import { expect } from "vitest";
import {
  halfUlp,
  relativeFrobenius,
  rootMeanSquare,
  roundingBound,
  scaledMaxError,
} from "../metrics.js";
import type { Tolerance } from "./suite.js";

export interface Closeness {
  /** Format to which the output was rounded. */
  readonly dtype: DType;
  /** √reduction · |x| · |w| of the product. */
  readonly scale: number;
  readonly tolerance: Tolerance;
}

/** Asserts that `actual` is `expected` rounded to a dtype, but for the tolerance. */
export function expectClose(
  actual: Float32Array,
  expected: Float64Array,
  { dtype, scale, tolerance }: Closeness,
): void {
  expect(actual.length, "number of elements").toBe(expected.length);
  const reachable = expected.map((value) => overflow(dtype, value));
  expect(relativeFrobenius(actual, reachable), "relative Frobenius error").toBeLessThanOrEqual(
    roundingBound(dtype, reachable) + tolerance.frobenius,
  );
  // Where the products of a sum all have one sign, the sum is larger than the
  // random one that the scale describes, and so are its rounding errors.
  const size = Math.max(scale, rootMeanSquare(expected));
  expect(
    scaledMaxError(actual, reachable, size, dtype),
    "largest error beyond rounding, scaled",
  ).toBeLessThanOrEqual(tolerance.scaled);
}

const LARGEST: Record<DType, number> = {
  float16: 65504,
  bfloat16: 255 * 2 ** 120,
  float32: (2 ** 24 - 1) * 2 ** 104,
};

/** Infinity for what rounds to it in `dtype`; anything else as it is. */
function overflow(dtype: DType, value: number): number {
  const largest = LARGEST[dtype];
  return Math.abs(value) >= largest + halfUlp(dtype, largest)
    ? Math.sign(value) * Number.POSITIVE_INFINITY
    : value;
}

/** Asserts that `call` throws an error of the product with this code, complete. */
export function expectCode(call: () => unknown, code: string): void {
  let thrown: unknown;
  try {
    call();
  } catch (error) {
    thrown = error;
  }
  expectError(thrown, code);
}

/** As {@link expectCode}, for a call that may also reject. */
export async function expectRejection(call: () => unknown, code: string): Promise<void> {
  let thrown: unknown;
  try {
    await call();
  } catch (error) {
    thrown = error;
  }
  expectError(thrown, code);
}

function expectError(error: unknown, code: string): void {
  expect(error, `an error ${code}`).toBeDefined();
  if (!isW4A16Error(error)) throw error;
  expect(error.code).toBe(code);
  for (const part of [error.subject, error.expected, error.received, error.fix]) {
    expect(part).not.toBe("");
  }
}
