import { randomInt4Weight, seededRandom } from "@w4a16/reference/testing";
import { expect, it } from "vitest";
import { unsupportedByNBits, withIntegerZeros } from "../src/contenders/integer-zeros.js";

const weight = randomInt4Weight(seededRandom(1), { outFeatures: 2, inFeatures: 6, groupSize: 2 });

it("rounds zeros to codes, and a weight once", () => {
  const real = { ...weight, zeros: Float32Array.of(0.4, 7.5, 8.6, -3, 20, 15) };
  expect([...withIntegerZeros(real).zeros]).toEqual([0, 8, 9, 0, 15, 15]);
  expect(withIntegerZeros(real)).toBe(withIntegerZeros(real));
});

it("says what MatMulNBits cannot hold", () => {
  expect(unsupportedByNBits(weight)).toMatch(/group sizes that are powers of two from 16, not 2/);
  expect(unsupportedByNBits({ ...weight, groupSize: 48 })).toMatch(/not 48/);
  expect(unsupportedByNBits({ ...weight, groupSize: 16 })).toBeUndefined();
  expect(unsupportedByNBits({ ...weight, groupSize: 16, signed: true })).toMatch(/u4/);
});
