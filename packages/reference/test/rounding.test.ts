import { type DType, decode } from "@w4a16/core";
import { describe, expect, it } from "vitest";
import { halfUlp } from "../src/metrics.js";
import { encodeExact } from "../src/rounding.js";
import { seededRandom } from "../src/testing.js";

const DTYPES = ["float16", "bfloat16"] as const;

/** All finite values ≥ 0 of a 16-bit format, ascending: index and bits are the same. */
function finiteValues(dtype: DType): Float32Array {
  const infinity = dtype === "float16" ? 0x7c00 : 0x7f80;
  return decode(
    dtype,
    Uint16Array.from({ length: infinity }, (_, bits) => bits),
  );
}

function encodeOne(dtype: DType, value: number): number {
  return encodeExact(dtype, new Float64Array([value]))[0]!;
}

describe.each(DTYPES)("%s", (dtype) => {
  const values = finiteValues(dtype);

  it("halfUlp is half the distance to the next value, for all of them", () => {
    for (let bits = 0; bits + 1 < values.length; bits++) {
      const distance = values[bits + 1]! - values[bits]!;
      if (halfUlp(dtype, values[bits]!) !== distance / 2) {
        expect.fail(`${values[bits]}: ${halfUlp(dtype, values[bits]!)}, not ${distance / 2}`);
      }
    }
  });

  it("rounds from float64 once: around the middle between any two neighbours", () => {
    const middles: number[] = [];
    const expected: number[] = [];
    for (let bits = 0; bits + 1 < values.length; bits++) {
      const middle = (values[bits]! + values[bits + 1]!) / 2;
      // The offset is far below what float32 can hold beside the middle.
      middles.push(middle, middle * (1 - 2 ** -40), middle * (1 + 2 ** -40));
      expected.push(bits + (bits & 1), bits, bits + 1);
    }
    const both = [...middles, ...middles.map((middle) => -middle)];
    const signed = [...expected, ...expected.map((bits) => bits | 0x8000)];
    expect(encodeExact(dtype, new Float64Array(both))).toEqual(new Uint16Array(signed));
  });

  it("gives infinity from the largest value and half a step on, and keeps NaN and zeros", () => {
    const [infinity, largest] = [values.length, values.at(-1)!];
    const limit = largest + halfUlp(dtype, largest);
    expect(encodeOne(dtype, limit)).toBe(infinity);
    expect(encodeOne(dtype, limit * (1 - 2 ** -50))).toBe(infinity - 1);
    expect(encodeOne(dtype, -1e300)).toBe(infinity | 0x8000);
    expect(encodeOne(dtype, Number.NEGATIVE_INFINITY)).toBe(infinity | 0x8000);
    expect(encodeOne(dtype, 5e-324)).toBe(0);
    expect(encodeOne(dtype, -5e-324)).toBe(0x8000);
    expect(encodeOne(dtype, -0)).toBe(0x8000);
    expect(encodeOne(dtype, Number.NaN) & 0x7fff).toBeGreaterThan(infinity);
  });

  it("is off by at most halfUlp on random values", () => {
    const random = seededRandom(1);
    const exact = Float64Array.from(
      { length: 20000 },
      () => random.normal() * 2 ** random.integer(-20, 12),
    );
    const rounded = decode(dtype, encodeExact(dtype, exact));
    exact.forEach((value, i) => {
      const bound = halfUlp(dtype, Math.max(Math.abs(value), Math.abs(rounded[i]!)));
      expect(Math.abs(rounded[i]! - value)).toBeLessThanOrEqual(bound);
    });
  });
});

it("float32 outputs are rounded as Math.fround does", () => {
  const values = new Float64Array([1 / 3, 1e-46, 1e39, -0, Number.NaN]);
  expect(encodeExact("float32", values)).toEqual(new Float32Array(values));
});
