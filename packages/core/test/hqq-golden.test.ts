import { unpackLinear } from "@w4a16/packing";
import { describe, expect, test } from "vitest";
import { readGolden } from "../../../fixtures/golden.js";
import { type QuantizedCodes, quantizeCodes, quantizeHqq, quantizeMinMax } from "../src/index.js";

describe.each(readGolden())("golden $name", (golden) => {
  const { N, K, group_size: groupSize, nbits, optimize, round_zero: roundZero, tensors } = golden;
  const weight = tensors.weight!.data as Float32Array;
  const shape = { outFeatures: N, inFeatures: K, groupSize };

  test("codes, scales and zeros", () => {
    const result = quantizeCodes(weight, { ...shape, bits: nbits, optimize, roundZero });
    expectCodes(result.codes, tensors.q!.data as Uint8Array, nbits);
    expectParameters(result, "zero");
  });

  if (tensors.slow_q) {
    test("the slow solver: 100 iterations, no early stop", () => {
      const result = quantizeCodes(weight, {
        ...shape,
        bits: nbits,
        roundZero,
        iterations: 100,
        earlyStop: false,
      });
      expectCodes(result.codes, tensors.slow_q!.data as Uint8Array, nbits);
      expectParameters(result, "slow_zero");
    });
  }

  if (nbits === 4) {
    test("the int4 quantizer gives the same", () => {
      const options = { ...shape, roundZero };
      const int4 = quantizeHqq(weight, optimize ? options : { ...options, iterations: 0 });
      const codes = quantizeCodes(weight, { ...shape, optimize, roundZero });
      expect(unpackLinear(int4.packed, { outFeatures: N, inFeatures: K })).toEqual(codes.codes);
      expect(transpose(int4.scales, K / groupSize, N)).toEqual(codes.scales);
      expect(transpose(int4.zeros, K / groupSize, N)).toEqual(codes.zeros);
      // HQQ's limits for groups with little range are not min–max's.
      if (!optimize && codes.scales.some((scale) => scale < 1)) {
        expect(quantizeMinMax(weight, options)).toEqual(int4);
      }
    });
  }

  function expectParameters(result: QuantizedCodes, zeroName: string) {
    const scale = tensors.scale!.data as Float32Array;
    const zero = tensors[zeroName]!.data as Float32Array;
    let scaleError = 0;
    let zeroError = 0;
    for (let i = 0; i < scale.length; i++) {
      scaleError = Math.max(scaleError, Math.abs(result.scales[i]! / scale[i]! - 1));
      zeroError = Math.max(zeroError, Math.abs(result.zeros[i]! - zero[i]!));
    }
    expect(scaleError).toBeLessThanOrEqual(1e-6);
    // At 8 bits a near tie can fall the other way, which moves the zero by 1/G.
    expect(zeroError).toBeLessThanOrEqual(nbits <= 4 ? 1e-4 : 0.25);
  }
});

/** Every code equal up to 4 bits; at 8 bits 99.9% equal and the rest off by one. */
function expectCodes(actual: Uint8Array, expected: Uint8Array, nbits: number) {
  if (nbits <= 4) {
    expect(actual).toEqual(expected);
    return;
  }
  let different = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const distance = Math.abs(actual[i]! - expected[i]!);
    if (distance > 0) different++;
    largest = Math.max(largest, distance);
  }
  expect(largest).toBeLessThanOrEqual(1);
  expect(different / expected.length).toBeLessThanOrEqual(0.001);
}

function transpose(values: Float32Array, rows: number, cols: number): Float32Array {
  return values.map((_, i) => values[(i % rows) * cols + Math.floor(i / rows)]!);
}
