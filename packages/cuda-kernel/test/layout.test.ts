/** The native layout functions, run on the host, against the packing package. */
import { unpackLinear } from "@w4a16/packing";
import { randomInt4Weight, seededRandom } from "@w4a16/reference/testing";
import { describe, expect, it } from "vitest";
import { loadAddon } from "../src/addon.js";

const { addon } = loadAddon();

describe.skipIf(!addon)(`layout${addon ? "" : " (skipped: the CUDA addon is not built)"}`, () => {
  it.each([
    [64, 64, false],
    [1, 2, false],
    [72, 130, true],
    [200, 66, false],
    [136, 192, true],
  ] as const)("N %i, K %i, signed %s: every code is where the layout says", (n, k, signed) => {
    const weight = randomInt4Weight(seededRandom(n * k), {
      outFeatures: n,
      inFeatures: k,
      groupSize: k,
      signed,
    });
    const codes = unpackLinear(weight.packed, { outFeatures: n, inFeatures: k, signed });
    const packed = addon!.packOnHost(weight.packed, n, k, signed);
    expect(packed.length).toBe(Math.ceil(n / 64) * Math.ceil(k / 64) * 2048);
    for (let row = 0; row < n; row++) {
      for (let column = 0; column < k; column++) {
        const stored = addon!.codeAt(packed, n, k, row, column);
        expect(signed ? stored - 8 : stored).toBe(codes[row * k + column]);
      }
    }
  });

  it("padding is code 0", () => {
    const packed = addon!.packOnHost(new Uint8Array(1).fill(0xff), 1, 2, false);
    expect(packed.reduce((sum, byte) => sum + byte, 0)).toBeGreaterThan(0);
    for (let n = 0; n < 64; n++) {
      for (let k = 0; k < 64; k++) {
        if (n === 0 && k < 2) continue;
        expect(addon!.codeAt(packed, 1, 2, n, k)).toBe(0);
      }
    }
  });
});
