import { describe, expect, test } from "vitest";
import {
  biasesToZeros,
  flipSigns,
  fromAwqZeros,
  fromGptqZeros,
  fromMarlinScales,
  fromOnnxZeroPoints,
  fromTinygemmParameters,
  gatherInFeatures,
  gatherOrder,
  packLinear,
  toAwqZeros,
  toGptqZeros,
  toMarlinScales,
  toOnnxZeroPoints,
  toTinygemmParameters,
  transposeFloats,
  unpackLinear,
  zerosToBiases,
} from "../src/index.js";

const eight = { groups: 1, outFeatures: 8 };
const counting = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);

describe("GPTQ zeros", () => {
  test("version 2 stores the zero", () => {
    const words = toGptqZeros(counting, { ...eight, version: 2 });
    expect(words).toEqual(Int32Array.of(0x87654321 | 0));
    expect(fromGptqZeros(words, { ...eight, version: 2 })).toEqual(counting);
  });

  test("version 1 stores zero − 1", () => {
    const words = toGptqZeros(counting, { ...eight, version: 1 });
    expect(words).toEqual(Int32Array.of(0x76543210));
    expect(fromGptqZeros(words, { ...eight, version: 1 })).toEqual(counting);
  });

  test("version 1 reads a borrowed zero of 0 back, as version 2's words less 0x11111111", () => {
    const zeros = Float32Array.of(8, 0, 8, 8, 0, 3, 8, 8);
    const words = toGptqZeros(zeros, { ...eight, version: 2 }).map((word) => word - 0x11111111);
    expect(fromGptqZeros(words, { ...eight, version: 1 })).toEqual(zeros);
  });

  test("version 1 refuses to write a zero of 0, and to read a flooded word", () => {
    const zeros = Float32Array.of(8, 8, 0, 8, 8, 8, 8, 8);
    expect(() => toGptqZeros(zeros, { ...eight, version: 1 })).toThrow(/W4A16_LOSSY_ZERO/);
    const flooded = Int32Array.of(0x77 | (-1 << 8));
    expect(() => fromGptqZeros(flooded, { ...eight, version: 1 })).toThrow(/W4A16_DAMAGED_ZEROS/);
  });

  test("the version must be given", () => {
    expect(() => toGptqZeros(counting, eight as never)).toThrow(/1 .* or 2 /);
  });
});

test("AWQ zeros: even out-features, then odd ones", () => {
  const words = toAwqZeros(counting, eight);
  expect(words).toEqual(Int32Array.of(0x86427531 | 0));
  expect(fromAwqZeros(words, eight)).toEqual(counting);
});

test("ONNX zero points: the even block in the low nibble, each row padded to a byte", () => {
  // Zeros [3 groups, 2 out-features].
  const zeros = Float32Array.of(1, 9, 2, 10, 3, 11);
  const bytes = toOnnxZeroPoints(zeros, { groups: 3, outFeatures: 2 });
  expect(bytes).toEqual(Uint8Array.of(0x21, 0x03, 0xa9, 0x0b));
  expect(fromOnnxZeroPoints(bytes, { groups: 3, outFeatures: 2 })).toEqual(zeros);
});

test.each([7.5, -1, 16, Number.NaN])("a zero of %d is not lost in silence", (zero) => {
  const zeros = counting.with(3, zero);
  const lossy = /zeros\[3\].*W4A16_LOSSY_ZERO/;
  expect(() => toGptqZeros(zeros, { ...eight, version: 2 })).toThrow(lossy);
  expect(() => toAwqZeros(zeros, eight)).toThrow(lossy);
  expect(() => toOnnxZeroPoints(zeros, eight)).toThrow(lossy);
});

test("biases are −zero·scale, and back", () => {
  const scales = Float32Array.of(0.5, -2, 0, 3);
  const zeros = Float32Array.of(8, 1.5, 0, 0);
  const biases = zerosToBiases(zeros, scales);
  expect(biases).toEqual(Float32Array.of(-4, 3, 0, 0));
  expect(biasesToZeros(biases, scales)).toEqual(zeros);
  expect(() => biasesToZeros(Float32Array.of(1), Float32Array.of(0))).toThrow(/W4A16_LOSSY_ZERO/);
});

test("tinygemm parameters are pairs of scale and (8 − zero)·scale", () => {
  const scales = Float32Array.of(0.5, 2);
  const zeros = Float32Array.of(7.5, 8);
  const pairs = toTinygemmParameters(scales, zeros);
  expect(pairs).toEqual(Float32Array.of(0.5, 0.25, 2, 0));
  expect(fromTinygemmParameters(pairs)).toEqual({ scales, zeros });
});

describe("Marlin scales", () => {
  const perGroup = Float32Array.from({ length: 128 }, (_, i) => i);

  test("each 64 columns of a grouped weight are transposed as 8×8", () => {
    const shape = { groups: 2, outFeatures: 64 };
    const permuted = toMarlinScales(perGroup, shape);
    const order = [...Array(8).keys()].flatMap((i) => [...Array(8).keys()].map((j) => i + 8 * j));
    expect([...permuted.subarray(0, 64)]).toEqual(order);
    expect([...permuted.subarray(64)]).toEqual(order.map((column) => 64 + column));
    expect(fromMarlinScales(permuted, shape)).toEqual(perGroup);
  });

  test("each 32 columns of one group go in pairs from four places", () => {
    const shape = { groups: 1, outFeatures: 128 };
    const permuted = toMarlinScales(perGroup, shape);
    const order = [0, 1, 2, 3].flatMap((i) =>
      [0, 1, 8, 9, 16, 17, 24, 25].map((column) => 2 * i + column),
    );
    expect([...permuted.subarray(0, 32)]).toEqual(order);
    expect(fromMarlinScales(permuted, shape)).toEqual(perGroup);
  });
});

describe("act-order", () => {
  test("in-features are gathered group by group", () => {
    const order = gatherOrder(Int32Array.of(1, 0, 1, 0), 2)!;
    expect(order).toEqual(Uint32Array.of(1, 3, 0, 2));
    const shape = { outFeatures: 2, inFeatures: 4 };
    const packed = packLinear(Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7), shape);
    expect(unpackLinear(gatherInFeatures(packed, shape, order), shape)).toEqual(
      Uint8Array.of(1, 3, 0, 2, 5, 7, 4, 6),
    );
  });

  test("the usual order needs no gathering", () => {
    expect(gatherOrder(Int32Array.of(0, 0, 1, 1), 2)).toBeUndefined();
  });

  test.each([
    [[0, 0, 0, 1], 2],
    [[0, 0, 1, 2], 2],
    [[0, -1, 1, 1], 2],
    [[0, 0, 1], 2],
  ])("%j is refused", (gIdx, groupSize) => {
    expect(() => gatherOrder(Int32Array.from(gIdx), groupSize)).toThrow(/gIdx\[\d\]/);
  });
});

test("s4 codes are u4 codes less 8", () => {
  const shape = { outFeatures: 1, inFeatures: 4 };
  const signed = packLinear(Int8Array.of(-8, -1, 0, 7), shape);
  expect(unpackLinear(flipSigns(signed), shape)).toEqual(Uint8Array.of(0, 7, 8, 15));
});

test("transposed parameters keep their bits", () => {
  const values = Float32Array.of(1, -0, Number.NaN, 4, 5, 6);
  expect(transposeFloats(values, 2, 3)).toEqual(Float32Array.of(1, 4, -0, 5, Number.NaN, 6));
});
