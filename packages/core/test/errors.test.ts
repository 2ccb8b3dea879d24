import { describe, expect, test } from "vitest";
import {
  concatOutFeatures,
  decodeFloat16,
  dequantize,
  dequantizeRows,
  encode,
  encodeBFloat16,
  fromFloat16Bits,
  isW4A16Error,
  openAvailable,
  openDevice,
  quantizeCodes,
  quantizeHqq,
  quantizeHqqAsync,
  quantizeMinMax,
  requireDType,
  requireGroupSize,
  toBFloat16Bits,
} from "../src/index.js";
import { allocateInt4Weight } from "../src/quantize/blocks.js";

const weight = new Float32Array(32);
const shape = { outFeatures: 4, inFeatures: 8, groupSize: 8 };
const good = quantizeMinMax(weight, shape);
const damaged = weight.slice();
damaged[17] = Number.NaN;
const infinite = weight.slice();
infinite[30] = Number.NEGATIVE_INFINITY;
const absent = {
  name: "cuda",
  availability: () => ({ available: false, reason: "no driver", fix: "Install one." }) as const,
  open: () => Promise.reject(new Error("never called")),
};

/** What a user can get wrong; the texts are part of the product. */
const mistakes: Record<string, () => unknown> = {
  "too few weights": () => quantizeHqq(weight, { ...shape, outFeatures: 5 }),
  "a Float64Array": () => quantizeHqq(new Float64Array(32) as never, shape),
  "odd K": () => quantizeHqq(new Float32Array(9), { outFeatures: 1, inFeatures: 9, groupSize: 3 }),
  "G that does not divide K": () => quantizeHqq(weight, { ...shape, groupSize: 3 }),
  "the default G on a small K": () => quantizeHqq(weight, { outFeatures: 4, inFeatures: 8 }),
  "G = 0": () => quantizeMinMax(weight, { ...shape, groupSize: 0 }),
  "G < 0": () => quantizeMinMax(weight, { ...shape, groupSize: -8 }),
  "G of no K": () => requireGroupSize(8, Number.NaN),
  "a fractional G": () => quantizeMinMax(weight, { ...shape, groupSize: 0.5 }),
  "N = 0": () => quantizeMinMax(new Float32Array(0), { ...shape, outFeatures: 0 }),
  "NaN in a weight": () => quantizeHqq(damaged, shape),
  "Inf in a weight": () => quantizeMinMax(infinite, { ...shape, symmetric: true }),
  "an unknown option": () => quantizeHqq(weight, { ...shape, lpnorm: 0.7 } as never),
  "no options": () => quantizeHqq(weight, undefined as never),
  "lpNorm = 0": () => quantizeHqq(weight, { ...shape, lpNorm: 0 }),
  "lpNorm > 1": () => quantizeHqq(weight, { ...shape, lpNorm: 1.5 }),
  "beta as text": () => quantizeHqq(weight, { ...shape, beta: "10" as never }),
  "iterations < 0": () => quantizeHqq(weight, { ...shape, iterations: -1 }),
  "earlyStop = 1": () => quantizeHqq(weight, { ...shape, earlyStop: 1 as never }),
  "9 bits": () => quantizeCodes(weight, { ...shape, bits: 9 }),
  "a range for 1 bit that float32 does not hold": () =>
    quantizeCodes(
      weight.map((_, i) => (i % 2 ? 3e38 : -3e38)),
      { ...shape, bits: 1, optimize: false },
    ),
  "no weight": () => dequantize(undefined as never),
  "packed of a wrong length": () => dequantize({ ...good, packed: new Uint8Array(15) }),
  "scales as Float64Array": () => dequantize({ ...good, scales: new Float64Array(4) as never }),
  "zeros of a wrong length": () => dequantize({ ...good, zeros: new Float32Array(3) }),
  "signed missing": () => dequantize({ ...good, signed: undefined as never }),
  "an unknown dtype": () => requireDType("dtype", "fp16"),
  "bits for a float32 tensor": () => encode("float32", new Uint16Array(2), 2),
  "bytes for a bfloat16 tensor": () => encode("bfloat16", new Uint8Array(2) as never, 2),
  "elements of a wrong number": () => encode("float16", new Float32Array(3), 2),
  "elements of no array": () => encode("float16", undefined as never, 2),
  "an encoding of an unknown dtype": () => encode("fp16" as never, weight, 32),
  "bits as text": () => fromFloat16Bits("1" as never),
  "a number as text": () => toBFloat16Bits("1" as never),
  "an array to encode of a wrong class": () => encodeBFloat16([1] as never),
  "a place to encode into that is too short": () => encodeBFloat16(weight, new Uint16Array(31)),
  "a place to encode into that holds the values": () =>
    encodeBFloat16(weight, new Uint16Array(weight.buffer, 4, 32)),
  "a place to decode into that holds the bits": () =>
    decodeFloat16(new Uint16Array(weight.buffer, 124, 1), weight.subarray(31)),
  "iterations without end": () => quantizeHqq(weight, { ...shape, iterations: 2 ** 40 }),
  "a signal that is none": () => quantizeHqqAsync(weight, { ...shape, signal: {} as never }),
  "progress to no function": () => quantizeHqqAsync(weight, { ...shape, onProgress: 1 as never }),
  "a million workers": () => quantizeHqqAsync(weight, { ...shape, workers: 1e6 }),
  "rows without end": () => dequantizeRows(good, 0, Number.POSITIVE_INFINITY, weight.slice()),
  "rows into a short array": () => dequantizeRows(good, 0, 4, new Float32Array(31)),
  "nothing to join": () => concatOutFeatures([]),
  "no array to join": () => concatOutFeatures(undefined as never),
  "joining u4 and s4": () =>
    concatOutFeatures([good, quantizeMinMax(weight, { ...shape, symmetric: true })]),
  "joining more than memory holds": () => {
    const mebibyte = { outFeatures: 1, inFeatures: 2 ** 21, groupSize: 2 ** 21 };
    const parameters = { scales: new Float32Array(1), zeros: new Float32Array(1) };
    const part = { ...mebibyte, ...parameters, signed: false, packed: new Uint8Array(2 ** 20) };
    return concatOutFeatures(Array(2 ** 20).fill(part));
  },
  "a weight larger than memory": () =>
    allocateInt4Weight({ n: 2 ** 40, k: 8, groupSize: 8 }, false),
  "an unknown device": () => openDevice("gpu", [absent]),
  "an absent device": () => openDevice("cuda", [absent]),
  "no backend to open": () => openAvailable({ name: "cpu" } as never),
  "no list of devices": () => openDevice("auto", undefined as never),
  "a skip to no function": () => openDevice("auto", [absent], { onSkip: 1 as never }),
  "auto without any device": () => openDevice("auto", [absent]),
};

describe("errors", () => {
  test.each(Object.keys(mistakes))("%s", async (name) => {
    let error: unknown;
    try {
      await mistakes[name]!();
    } catch (caught) {
      error = caught;
    }
    expect(isW4A16Error(error)).toBe(true);
    expect((error as Error).message).toMatchSnapshot();
  });
});
