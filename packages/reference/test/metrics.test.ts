import { decode, encode } from "@w4a16/core";
import { describe, expect, it } from "vitest";
import {
  productScale,
  relativeFrobenius,
  rootMeanSquare,
  roundingBound,
  scaledMaxError,
} from "../src/metrics.js";
import { randomNormal, seededRandom } from "../src/testing.js";

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const f64 = (...values: number[]) => new Float64Array(values);

describe("relativeFrobenius", () => {
  it("is ‖a − e‖ / ‖e‖", () => {
    expect(relativeFrobenius(f64(3, 4), f64(3, 4))).toBe(0);
    expect(relativeFrobenius(f64(3, 5), f64(3, 4))).toBeCloseTo(1 / 5, 15);
    expect(relativeFrobenius(f64(), f64())).toBe(0);
    expect(relativeFrobenius(f64(1), f64(0))).toBe(inf);
  });

  it("compares no arrays of different lengths", () => {
    expect(() => relativeFrobenius(f64(1, 2), f64(1))).toThrow(/W4A16_INVALID_LENGTH/);
    expect(() => scaledMaxError(f64(1, 2), f64(1), 1)).toThrow(/W4A16_INVALID_LENGTH/);
  });

  it("passes agreement about what is not finite, and nothing else", () => {
    expect(relativeFrobenius(f64(inf, nan, -inf, 1), f64(inf, nan, -inf, 1))).toBe(0);
    const disagreements = [
      [inf, -inf],
      [nan, inf],
      [1, inf],
      [1, nan],
      [nan, 1],
      [inf, 1],
    ] as const;
    for (const [actual, expected] of disagreements) {
      expect(relativeFrobenius(f64(actual, 1), f64(expected, 1))).toBe(inf);
    }
  });
});

describe("scaledMaxError", () => {
  it("is the largest error over the scale", () => {
    expect(scaledMaxError(f64(1, 2.5, 3), f64(1, 2, 3.25), 2)).toBe(0.25);
    expect(scaledMaxError(f64(inf, nan), f64(inf, nan), 1)).toBe(0);
    for (const wrong of [nan, inf, -inf]) expect(scaledMaxError(f64(wrong), f64(1), 1)).toBe(inf);
  });

  it("forgives what rounding explains, and no more", () => {
    const exact = Float64Array.from(randomNormal(seededRandom(1), 1000), (v) => v + 1e-9);
    const rounded = decode("bfloat16", encode("bfloat16", new Float32Array(exact), 1000));
    expect(scaledMaxError(rounded, exact, 1)).toBeGreaterThan(1e-3);
    expect(scaledMaxError(rounded, exact, 1, "bfloat16")).toBeLessThan(1e-7);
    rounded[500]! += 0.1;
    expect(scaledMaxError(rounded, exact, 1, "bfloat16")).toBeGreaterThan(0.09);
  });
});

it("roundingBound bounds what rounding does, within a factor of three", () => {
  const exact = Float64Array.from(randomNormal(seededRandom(2), 4000));
  for (const dtype of ["float16", "bfloat16", "float32"] as const) {
    const rounded = decode(dtype, encode(dtype, new Float32Array(exact), 4000));
    const bound = roundingBound(dtype, exact);
    if (dtype !== "float32") {
      expect(relativeFrobenius(rounded, exact)).toBeLessThan(bound);
      expect(relativeFrobenius(rounded, exact)).toBeGreaterThan(bound / 3);
    }
    expect(bound).toBeLessThan({ float16: 2 ** -11, bfloat16: 2 ** -8, float32: 2 ** -24 }[dtype]);
  }
  expect(roundingBound("float16", f64(0, nan, inf))).toBe(0);
});

it("productScale is the size of a random product", () => {
  expect(productScale(16, f64(3, 3), f64(-2, 2))).toBe(24);
  expect(rootMeanSquare(f64())).toBe(0);
});
