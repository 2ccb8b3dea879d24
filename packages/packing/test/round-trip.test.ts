import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Codes,
  type HqqBits,
  packHqq,
  packLinear,
  packLinearRows,
  packRowInterleave,
  unpackHqq,
  unpackLinear,
  unpackRowInterleave,
} from "../src/index.js";

const size = fc.integer({ min: 0, max: 150 });

function codesOf(length: number, signed: boolean, seed: number): Codes {
  const codes = signed ? new Int8Array(length) : new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    seed = Math.imul(seed ^ (seed >>> 15), 0x2c1b3c6d) + 0x6d2b79f5;
    codes[i] = (seed >>> 28) - (signed ? 8 : 0);
  }
  return codes;
}

test("row interleave round trips, u4 and s4, over random shapes", () => {
  fc.assert(
    fc.property(size, size, fc.boolean(), fc.integer(), (half, cols, signed, seed) => {
      const rows = 2 * half;
      const codes = codesOf(rows * cols, signed, seed);
      const packed = packRowInterleave(codes, { rows, cols });
      expect(packed.length).toBe(half * cols);
      expect(unpackRowInterleave(packed, { rows, cols, signed })).toEqual(codes);
    }),
  );
});

test("a linear weight packs to the row interleave of its transpose, and back", () => {
  fc.assert(
    fc.property(size, size, fc.boolean(), fc.integer(), (n, half, signed, seed) => {
      const k = 2 * half;
      const shape = { outFeatures: n, inFeatures: k };
      const codes = codesOf(n * k, signed, seed);
      const packed = packLinear(codes, shape);
      const transposed = codes.map((_, i) =>
        n === 0 ? 0 : codes[(i % n) * k + Math.floor(i / n)]!,
      );
      expect(packed).toEqual(packRowInterleave(transposed, { rows: k, cols: n }));
      expect(unpackLinear(packed, { ...shape, signed })).toEqual(codes);
    }),
  );
});

test("a linear weight packed a few rows at a time is the same", () => {
  fc.assert(
    fc.property(
      size,
      size,
      fc.integer({ min: 1, max: 40 }),
      fc.integer(),
      (n, half, step, seed) => {
        const k = 2 * half;
        const shape = { outFeatures: n, inFeatures: k };
        const codes = codesOf(n * k, false, seed);
        const packed = new Uint8Array(half * n);
        for (let row = 0; row < n; row += step) {
          packLinearRows(codes.subarray(row * k, (row + step) * k), shape, row, packed);
        }
        expect(packed).toEqual(packLinear(codes, shape));
      },
    ),
  );
});

test("HQQ packings round trip at every width, padded at 3 bits", () => {
  const slabs = { 8: 1, 4: 2, 3: 1, 2: 4, 1: 8 };
  fc.assert(
    fc.property(
      fc.constantFrom<HqqBits>(8, 4, 3, 2, 1),
      fc.integer({ min: 0, max: 40 }),
      fc.integer({ min: 0, max: 40 }),
      fc.integer(),
      (bits, blocks, cols, seed) => {
        const rows = blocks * slabs[bits];
        const codes = codesOf(rows * cols, false, seed).map((code) => code & (2 ** bits - 1));
        const packed = packHqq(codes as Uint8Array, { rows, cols, bits });
        expect(unpackHqq(packed, { rows, cols, bits })).toEqual(codes);
      },
    ),
  );
});
