import { describe, expect, it } from "vitest";
import { activationByteCount, byteCount } from "../src/problem/inputs.js";

const shape = { m: 3, n: 32, k: 64 };

describe("bytes of a product", () => {
  it("are those of the activations in their format", () => {
    expect(activationByteCount(shape, "bfloat16")).toBe(2 * 3 * (32 + 64));
    expect(activationByteCount(shape, "float32")).toBe(4 * 3 * (32 + 64));
  });

  it.each([
    ["bfloat16", 2],
    ["float32", 4],
  ] as const)("and the codes, scales and zeros beside them, in %s", (dtype, element) => {
    const weight = byteCount(shape, 32, dtype) - activationByteCount(shape, dtype);
    expect(weight).toBe((32 * 64) / 2 + element * 2 * ((32 * 64) / 32));
  });
});
