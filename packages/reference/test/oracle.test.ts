import type { Int4Weight } from "@w4a16/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exactMatmul, exactMatmulTransposed } from "../src/index.js";
import { relativeFrobenius } from "../src/metrics.js";
import { randomInt4Weight, randomNormal, seededRandom } from "../src/testing.js";

/** (code − zero) · scale of W[n, k], from the definition of row interleave, one element at a time. */
function element(weight: Int4Weight, n: number, k: number): number {
  const byte = weight.packed[Math.floor(k / 2) * weight.outFeatures + n]!;
  const nibble = k % 2 === 0 ? byte % 16 : Math.floor(byte / 16);
  const code = weight.signed && nibble >= 8 ? nibble - 16 : nibble;
  const at = Math.floor(k / weight.groupSize) * weight.outFeatures + n;
  return (code - weight.zeros[at]!) * weight.scales[at]!;
}

/** The product's definition, three loops. */
function naive(weight: Int4Weight, x: Float32Array, m: number, transposed: boolean): Float64Array {
  const { outFeatures, inFeatures } = weight;
  const [reduction, width] = transposed ? [outFeatures, inFeatures] : [inFeatures, outFeatures];
  const y = new Float64Array(m * width);
  for (let row = 0; row < m; row++) {
    for (let c = 0; c < width; c++) {
      let sum = 0;
      for (let r = 0; r < reduction; r++) {
        sum += x[row * reduction + r]! * element(weight, transposed ? r : c, transposed ? c : r);
      }
      y[row * width + c] = sum;
    }
  }
  return y;
}

/** Shapes around the edges of the tiles, and G any divisor of K. */
const shape = fc
  .record({
    m: fc.integer({ min: 0, max: 37 }),
    n: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 250, max: 262 })),
    k: fc
      .oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 125, max: 131 }))
      .map((i) => 2 * i),
    signed: fc.boolean(),
    seed: fc.integer(),
  })
  .chain((drawn) => {
    const divisors = Array.from({ length: drawn.k }, (_, i) => i + 1).filter(
      (g) => drawn.k % g === 0,
    );
    return fc.record({ ...constants(drawn), groupSize: fc.constantFrom(...divisors) });
  });

function constants<T extends object>(values: T): { [K in keyof T]: fc.Arbitrary<T[K]> } {
  const entries = Object.entries(values).map(([key, value]) => [key, fc.constant(value)]);
  return Object.fromEntries(entries);
}

describe("the oracle", () => {
  it.each([false, true])("is the product's definition (transposed: %s)", (transposed) => {
    const exact = transposed ? exactMatmulTransposed : exactMatmul;
    fc.assert(
      fc.property(shape, ({ m, n, k, groupSize, signed, seed }) => {
        const random = seededRandom(seed);
        const weight = randomInt4Weight(random, {
          outFeatures: n,
          inFeatures: k,
          groupSize,
          signed,
        });
        const x = randomNormal(random, m * (transposed ? n : k));
        const actual = exact(weight, x, m);
        const expected = naive(weight, x, m, transposed);
        expect(actual.length).toBe(expected.length);
        expect(relativeFrobenius(actual, expected)).toBeLessThan(1e-14);
      }),
      { numRuns: 60 },
    );
  });

  it("adds a bias, and takes float64 activations", () => {
    const random = seededRandom(1);
    const weight = randomInt4Weight(random, { outFeatures: 5, inFeatures: 6, groupSize: 3 });
    const x = Float64Array.from({ length: 12 }, () => random.normal());
    const bias = Float64Array.from({ length: 5 }, () => random.normal());
    const plain = exactMatmul(weight, x, 2);
    const added = exactMatmul(weight, x, 2, bias);
    expect(added).toEqual(plain.map((value, i) => value + bias[i % 5]!));
    const single = x.map(Math.fround);
    expect(exactMatmul(weight, new Float32Array(single), 2)).toEqual(
      exactMatmul(weight, single, 2),
    );
  });

  it("⟨Y, dY⟩ = ⟨X, dX⟩ over random shapes", () => {
    fc.assert(
      fc.property(shape, ({ m, n, k, groupSize, signed, seed }) => {
        const random = seededRandom(seed);
        const weight = randomInt4Weight(random, {
          outFeatures: n,
          inFeatures: k,
          groupSize,
          signed,
        });
        const [x, dy] = [randomNormal(random, m * k), randomNormal(random, m * n)];
        const [y, dx] = [exactMatmul(weight, x, m), exactMatmulTransposed(weight, dy, m)];
        const forward = y.map((value, i) => value * dy[i]!);
        const backward = dx.map((value, i) => value * x[i]!);
        const size = forward.reduce((sum, term) => sum + Math.abs(term), 0);
        expect(Math.abs(total(forward) - total(backward))).toBeLessThanOrEqual(1e-13 * size);
      }),
      { numRuns: 60 },
    );
  });
});

function total(terms: Float64Array): number {
  return terms.reduce((sum, term) => sum + term, 0);
}
