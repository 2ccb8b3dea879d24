/** What is lost on the way into formats with fewer zeros, and that nothing is lost unasked. */
import { dequantize, type Int4Weight, quantizeHqq, quantizeMinMax } from "@w4a16/core";
import { randomInt4Weight, randomNormal, seededRandom } from "@w4a16/reference/testing";
import { describe, expect, test } from "vitest";
import { encodeOnnx } from "../src/index.js";
import { weightError } from "../src/write/error.js";
import { fitWeight, requantizeWeight, splitGroups } from "../src/write/fit.js";
import { halfWeight } from "./support.js";

const shape = { outFeatures: 40, inFeatures: 256, groupSize: 64 };
const values = randomNormal(seededRandom(1), 40 * 256, 0.01, 0.05);
const real = quantizeHqq(values, shape);
const whole = { format: "test", signed: false, zeros: "whole" } as const;
const eight = { format: "test", signed: false, zeros: "eight" } as const;

const relative = (weight: Int4Weight) => weightError(weight, values).relative;

describe("real zeros", () => {
  test("are not lost unasked", () => {
    for (const requirements of [whole, eight]) {
      expect(() => fitWeight("a.b", real, requirements, false)).toThrow(
        /layer a\.b: zeros\[0\].*W4A16_LOSSY_ZERO/,
      );
    }
  });

  test("requantized to whole zeros cost little", () => {
    const fitted = fitWeight("a.b", real, whole, true);
    expect(fitted.zeros.every((zero) => Number.isInteger(zero) && zero >= 0 && zero <= 15)).toBe(
      true,
    );
    expect(relative(fitted)).toBeLessThan(1.5 * relative(real));
  });

  test("requantized to the zero 8 cost what a symmetric quantizer costs", () => {
    const fitted = fitWeight("a.b", real, eight, true);
    expect(new Set(fitted.zeros)).toEqual(new Set([8]));
    const symmetric = quantizeMinMax(values, { ...shape, symmetric: true });
    expect(relative(fitted)).toBeLessThan(1.5 * relative(symmetric));
  });
});

test("the largest error of a weight with a NaN is one, whatever comes after it", () => {
  const scales = real.scales.slice();
  scales[0] = Number.NaN;
  expect(weightError({ ...real, scales }, values)).toEqual({
    relative: Number.NaN,
    largest: Number.NaN,
  });
});

describe("requantizing", () => {
  test.each([Number.NaN, Number.POSITIVE_INFINITY])("does not make numbers of %s", (damage) => {
    const scales = real.scales.slice();
    scales[3] = damage;
    expect(() => fitWeight("a.b", { ...real, scales }, eight, true)).toThrow(
      /layer a\.b: weight\[\d+\].*W4A16_NON_FINITE_WEIGHT/,
    );
  });

  test("keeps groups that have a whole zero already", () => {
    const weight = halfWeight(3, shape, "whole");
    expect(requantizeWeight(weight, "whole")).toEqual(weight);
  });

  test.each([
    ["all above 0", 0.5],
    ["all below 0", -0.5],
    ["all the same", 0],
  ])("a group with values %s keeps its values within half a step", (_, offset) => {
    const spread = offset === 0 ? 0 : 0.1;
    const group = Float32Array.from({ length: 64 }, (_, i) => offset + (spread * i) / 64);
    const weight = quantizeHqq(group, { outFeatures: 1, inFeatures: 64 });
    for (const zeros of ["whole", "eight"] as const) {
      const fitted = requantizeWeight(weight, zeros);
      const before = dequantize(weight);
      const step = Math.abs(fitted.scales[0]!);
      for (const [i, value] of dequantize(fitted).entries()) {
        // Code 15 is one step short of the largest magnitude on the far side of zero 8.
        expect(Math.abs(value - before[i]!)).toBeLessThanOrEqual(0.5001 * step + 1e-6);
      }
    }
  });
});

test("signed codes become unsigned ones, exactly", () => {
  const signed = randomInt4Weight(seededRandom(5), {
    ...shape,
    signed: true,
    zero: (random) => random.integer(-8, 7),
  });
  const fitted = fitWeight("a", signed, whole, false);
  expect(fitted.signed).toBe(false);
  expect(dequantize(fitted)).toEqual(dequantize(signed));
});

test("smaller groups repeat their parameters, exactly; larger ones are refused", () => {
  const split = splitGroups("a", real, 16, "test");
  expect(split.groupSize).toBe(16);
  expect(dequantize(split)).toEqual(dequantize(real));
  expect(() => splitGroups("a", real, 128, "test")).toThrow(/multiple of 128.*--group-size 128/);
  expect(() => splitGroups("a", real, 48, "test")).toThrow(/W4A16_UNSUPPORTED_FORMAT/);
});

test("ONNX refuses groups that are no multiple of 16", () => {
  const weight = halfWeight(7, { outFeatures: 8, inFeatures: 48, groupSize: 24 });
  expect(() => encodeOnnx("a", weight)).toThrow(/multiple of 16.*24/);
});
