import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  concatOutFeatures,
  dequantize,
  type Int4Weight,
  quantizeCodes,
  quantizeHqq,
  quantizeMinMax,
  roundTo,
} from "../src/index.js";

/** Weights of random shape, group size and magnitude. */
const problems = fc
  .record({
    n: fc.integer({ min: 1, max: 70 }),
    groups: fc.integer({ min: 1, max: 4 }),
    groupSize: fc.integer({ min: 1, max: 40 }),
    exponent: fc.integer({ min: -9, max: 6 }),
    seed: fc.integer(),
  })
  .map(({ n, groups, groupSize, exponent, seed }) => {
    const even = (groups * groupSize) % 2 === 0 ? groupSize : groupSize * 2;
    const inFeatures = groups * even;
    let state = seed | 1;
    const weight = Float32Array.from({ length: n * inFeatures }, () => {
      state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5;
      return ((state >>> 8) / 2 ** 23 - 1) * 10 ** exponent;
    });
    return { weight, shape: { outFeatures: n, inFeatures, groupSize: even } };
  });

describe("min–max", () => {
  test("is within half a scale step of the weight, asymmetric and symmetric", () => {
    fc.assert(
      fc.property(problems, fc.boolean(), ({ weight, shape }, symmetric) => {
        const quantized = quantizeMinMax(weight, { ...shape, symmetric });
        expect(largestError(weight, quantized)).toBeLessThanOrEqual(0.5 + 1e-4);
        expect(quantized.signed).toBe(symmetric);
        if (symmetric) expect(quantized.zeros.every((zero) => zero === 0)).toBe(true);
      }),
    );
  });

  test("rounded zeros are whole", () => {
    fc.assert(
      fc.property(problems, ({ weight, shape }) => {
        const { zeros } = quantizeMinMax(weight, { ...shape, roundZero: true });
        expect(zeros.every(Number.isInteger)).toBe(true);
      }),
    );
  });

  test.each(["float16", "bfloat16"] as const)(
    "scales and zeros are numbers of %s, and codes are chosen for them",
    (parameterDType) => {
      fc.assert(
        fc.property(problems, fc.boolean(), ({ weight, shape }, optimize) => {
          fc.pre(weight.every((w) => Math.abs(w) < 3e4)); // beyond, float16 may hold no scale or zero
          const options = { ...shape, parameterDType };
          const { codes, scales, zeros } = quantizeCodes(weight, { ...options, optimize });
          expect(scales).toEqual(roundTo(parameterDType, scales));
          expect(zeros).toEqual(roundTo(parameterDType, zeros));
          codes.forEach((code, i) => {
            const group = Math.floor(i / shape.groupSize);
            const [scaled, zero] = [weight[i]! / scales[group]!, zeros[group]!];
            const off = Math.abs(Math.min(15, Math.max(0, scaled + zero)) - code);
            expect(off).toBeLessThanOrEqual(0.5 + 2 ** -20 * (Math.abs(scaled) + Math.abs(zero)));
          });
          const packed = quantizeHqq(weight, optimize ? options : { ...options, iterations: 0 });
          expect(packed.scales.slice().sort()).toEqual(scales.slice().sort());
          expect(packed.zeros.slice().sort()).toEqual(zeros.slice().sort());
        }),
      );
    },
  );

  test("weights far below 1e-4 come back as precisely as large ones", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("float32", "bfloat16", "float16"),
        fc.integer({ min: -37, max: -4 }),
        fc.boolean(),
        (parameterDType, exponent, symmetric) => {
          fc.pre(parameterDType !== "float16" || exponent >= -5); // its smallest number is 6e-8
          const weight = Float32Array.from({ length: 512 }, (_, i) => Math.sin(i * i));
          const tiny = weight.map((w) => w * 10 ** exponent);
          const shape = { outFeatures: 4, inFeatures: 128, groupSize: 32, parameterDType };
          const back = dequantize(quantizeMinMax(tiny, { ...shape, symmetric }));
          const off = back.map((w, i) => Math.abs(w - tiny[i]!) / 10 ** exponent);
          expect(Math.max(...off)).toBeLessThan(symmetric ? 0.09 : 0.085);
        },
      ),
    );
  });

  test("zeros of a narrow group far from 0 stay within float16", () => {
    const weight = Float32Array.of(100, 100.001, 100.0005, 100.0002);
    const shape = { outFeatures: 1, inFeatures: 4, groupSize: 4 };
    const narrow = quantizeMinMax(weight, { ...shape, parameterDType: "float16" });
    expect(narrow.zeros[0]).toBe(-65504);
    for (const w of dequantize(narrow)) expect(Math.abs(w - 100)).toBeLessThan(100 * 2 ** -10);
  });

  test("a scale that the type cannot hold is refused", () => {
    const options = { outFeatures: 1, inFeatures: 2, groupSize: 2, parameterDType: "float16" };
    expect(() => quantizeMinMax(Float32Array.of(-1e7, 1e7), options as never)).toThrow(
      /parameterDType.*float16, and a scale of 1333333/s,
    );
  });

  test("gives the extremes of a group the extreme codes", () => {
    const weight = Float32Array.of(-1, 2, 0.5, 0);
    const { packed, scales } = quantizeMinMax(weight, {
      outFeatures: 1,
      inFeatures: 4,
      groupSize: 4,
    });
    expect([packed[0]! & 15, packed[0]! >> 4]).toEqual([0, 15]);
    expect(scales[0]).toBeCloseTo(3 / 15, 6);
  });

  test.each([0, 1e-30, -5, 3e38])("a constant group of %d comes back", (value) => {
    const weight = new Float32Array(8).fill(value);
    const shape = { outFeatures: 2, inFeatures: 4, groupSize: 4 };
    for (const back of [
      dequantize(quantizeMinMax(weight, shape)),
      dequantize(quantizeMinMax(weight, { ...shape, symmetric: true })),
    ]) {
      for (const w of back)
        expect(Math.abs(w - value)).toBeLessThanOrEqual(Math.abs(value) * 1e-6 + 2.5e-5);
    }
  });

  test("a range that overflows float32 stays finite", () => {
    const back = dequantize(
      quantizeMinMax(Float32Array.of(-3e38, 3e38, 0, 1e38), {
        outFeatures: 1,
        inFeatures: 4,
        groupSize: 4,
      }),
    );
    expect(back[0]! / -3e38).toBeCloseTo(1, 5);
    expect(back[1]! / 3e38).toBeCloseTo(1, 5);
  });
});

describe("HQQ", () => {
  test("lowers the error in its own norm", () => {
    const weight = Float32Array.from({ length: 64 * 256 }, (_, i) =>
      Math.tan(Math.sin(i * i) * 1.5),
    );
    const shape = { outFeatures: 64, inFeatures: 256, groupSize: 64 };
    const norm = (quantized: Int4Weight) =>
      dequantize(quantized).reduce((sum, w, i) => sum + Math.abs(w - weight[i]!) ** 0.7, 0);
    expect(norm(quantizeHqq(weight, shape))).toBeLessThan(
      norm(quantizeMinMax(weight, shape)) * 0.99,
    );
  });

  test("with no iterations is min–max", () => {
    fc.assert(
      fc.property(problems, ({ weight, shape }) => {
        const expected = quantizeMinMax(weight, shape);
        fc.pre(expected.scales.every((scale) => scale > 1 / 2e4)); // HQQ's limit
        expect(quantizeHqq(weight, { ...shape, iterations: 0 })).toEqual(expected);
      }),
      { numRuns: 20 },
    );
  });

  test("every bit width: error falls as bits grow", () => {
    const weight = Float32Array.from({ length: 32 * 128 }, (_, i) => Math.sin(i * i));
    const shape = { outFeatures: 32, inFeatures: 128, groupSize: 64 };
    let last = Number.POSITIVE_INFINITY;
    for (let bits = 1; bits <= 8; bits++) {
      const { codes, scales, zeros } = quantizeCodes(weight, { ...shape, bits });
      expect(Math.max(...codes)).toBeLessThan(2 ** bits);
      let error = 0;
      weight.forEach((w, i) => {
        const group = Math.floor(i / 64);
        error += Math.abs(w - (codes[i]! - zeros[group]!) * scales[group]!);
      });
      expect(error).toBeLessThan(last);
      last = error;
    }
  });
});

test("concatOutFeatures: dequantized, it is the parts one after another", () => {
  const parts = [5, 1, 8].map((n) =>
    quantizeMinMax(
      Float32Array.from({ length: n * 12 }, (_, i) => Math.cos(i * n)),
      { outFeatures: n, inFeatures: 12, groupSize: 6 },
    ),
  );
  const joined = concatOutFeatures(parts);
  expect(joined.outFeatures).toBe(14);
  expect([...dequantize(joined)]).toEqual(parts.flatMap((part) => [...dequantize(part)]));
});

/** Largest |w − back| in steps of the group's scale, but for the rounding of a weight to float32. */
function largestError(weight: Float32Array, quantized: Int4Weight): number {
  const { outFeatures: n, inFeatures: k, groupSize, scales } = quantized;
  const back = dequantize(quantized);
  // Where a group's range is small beside its weights, its zero is large.
  const rounding = 2 ** -21 * weight.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
  let largest = 0;
  weight.forEach((w, i) => {
    const group = Math.floor((i % k) / groupSize);
    const scale = scales[group * n + Math.floor(i / k)]!;
    largest = Math.max(largest, (Math.abs(w - back[i]!) - rounding) / scale);
  });
  return largest;
}
