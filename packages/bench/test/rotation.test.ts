import { describe, expect, it } from "vitest";
import { rotate } from "../src/timing/rotation.js";

const MIB = 2 ** 20;

describe("rotate", () => {
  it("copies the weight until the copies exceed the caches", () => {
    const { weights, activations, sweep } = rotate(9 * MIB, 16 * MIB, 64 * MIB);
    expect(weights * 9 * MIB).toBeGreaterThan(64 * MIB);
    expect(activations * 16 * MIB).toBeGreaterThan(64 * MIB);
    expect(sweep).toBe(false);
  });

  it("sweeps the caches instead of making very many copies", () => {
    expect(rotate(MIB / 2, MIB, 64 * MIB)).toMatchObject({ weights: 16, sweep: true });
  });

  it("has at least two copies of what is larger than the caches", () => {
    expect(rotate(500 * MIB, 500 * MIB, 64 * MIB)).toEqual({
      weights: 2,
      activations: 2,
      sweep: false,
    });
  });
});
