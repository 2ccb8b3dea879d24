import { W4A16Error } from "@w4a16/core";
import { describe, expect, it } from "vitest";
import { randomInt4Weight, randomNormal, seededRandom } from "../src/testing.js";

describe("seededRandom", () => {
  it("depends on the seed alone", () => {
    const draw = (seed: number) => Array.from({ length: 8 }, seededRandom(seed).bits);
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });

  it("is uniform in each of its 32 bits", () => {
    const random = seededRandom(3);
    const ones = new Array<number>(32).fill(0);
    for (let i = 0; i < 20000; i++) {
      const bits = random.bits();
      for (let bit = 0; bit < 32; bit++) ones[bit]! += (bits >>> bit) & 1;
    }
    // Five standard deviations of a fair coin.
    for (const count of ones) expect(Math.abs(count - 10000)).toBeLessThan(5 * Math.sqrt(5000));
  });

  it("draws integers from both ends", () => {
    const random = seededRandom(4);
    const drawn = new Set(Array.from({ length: 200 }, () => random.integer(-2, 2)));
    expect([...drawn].sort((a, b) => a - b)).toEqual([-2, -1, 0, 1, 2]);
  });
});

it("randomNormal has the moments asked for", () => {
  const values = randomNormal(seededRandom(5), 100_000, 3, 2);
  const moment = (power: number, mean: number) =>
    values.reduce((sum, value) => sum + (value - mean) ** power, 0) / values.length;
  expect(moment(1, 0)).toBeCloseTo(3, 1);
  expect(moment(2, 3)).toBeCloseTo(4, 1);
  expect(moment(3, 3) / 8).toBeCloseTo(0, 1);
  expect(moment(4, 3) / 16).toBeCloseTo(3, 0);
});

describe("randomInt4Weight", () => {
  const shape = { outFeatures: 3, inFeatures: 128 };

  it("fills every field", () => {
    const weight = randomInt4Weight(seededRandom(6), { ...shape, groupSize: 32, signed: true });
    expect(weight.packed).toHaveLength(192);
    expect(weight.scales).toHaveLength(12);
    expect(weight.zeros).toHaveLength(12);
    expect([weight.groupSize, weight.signed]).toEqual([32, true]);
    expect(new Set(weight.scales).size).toBe(12);
    expect(weight.zeros.every((zero) => zero % 1 !== 0)).toBe(true);
  });

  it("takes codes, scales and zeros as told", () => {
    const options = { ...shape, scale: () => -2, zero: () => 100 };
    const unsigned = randomInt4Weight(seededRandom(7), { ...options, code: 15 });
    expect(unsigned.packed.every((byte) => byte === 0xff)).toBe(true);
    const signed = randomInt4Weight(seededRandom(7), { ...options, code: -8, signed: true });
    expect(signed.packed.every((byte) => byte === 0x88)).toBe(true);
    expect(signed.scales.every((scale) => scale === -2)).toBe(true);
    expect(signed.zeros.every((zero) => zero === 100)).toBe(true);
  });

  it.each([
    ["a misspelled option", "W4A16_UNKNOWN_OPTION", { zeros: () => 1 }],
    ["a code of five bits", "W4A16_INVALID_VALUE", { code: 16 }],
    ["signed as text", "W4A16_INVALID_TYPE", { signed: "yes" }],
    ["a scale that is no function", "W4A16_INVALID_TYPE", { scale: 1 }],
    ["an absurd size", "W4A16_OUT_OF_MEMORY", { outFeatures: 2 ** 45 }],
  ])("refuses %s", (_, code, options) => {
    const call = () => randomInt4Weight(seededRandom(8), { ...shape, ...options } as never);
    expect(call).toThrow(W4A16Error);
    expect(call).toThrow(code);
  });
});
