import { describe, expect, test } from "vitest";
import { describeValue } from "../src/errors.js";
import {
  biasesToZeros,
  flipSigns,
  fromAwqZeros,
  fromGgufQ4_0,
  fromGptqZeros,
  fromTinygemmParameters,
  gatherInFeatures,
  isW4A16Error,
  packHqq,
  packLinear,
  packLinearRows,
  packRowInterleave,
  toAwq,
  toAwqZeros,
  toGgufQ4_0,
  toGptq,
  toGptqZeros,
  toMarlin,
  toOnnx,
  toTinygemm,
  transposeFloats,
  unpackHqq,
  unpackLinear,
  unpackRowInterleave,
  W4A16Error,
} from "../src/index.js";

const u4 = new Uint8Array(8);

/** What a user can get wrong; the texts are part of the product. */
const mistakes: Record<string, () => unknown> = {
  "odd rows": () => packRowInterleave(new Uint8Array(3), { rows: 3, cols: 1 }),
  "odd K": () => packLinear(new Uint8Array(3), { outFeatures: 1, inFeatures: 3 }),
  "too few codes": () => packLinear(u4, { outFeatures: 2, inFeatures: 8 }),
  "a plain array": () => packRowInterleave([1, 2] as never, { rows: 2, cols: 1 }),
  "a u4 code of 16": () => packLinear(Uint8Array.of(0, 16), { outFeatures: 1, inFeatures: 2 }),
  "an s4 code of -9": () => packRowInterleave(Int8Array.of(7, -9), { rows: 2, cols: 1 }),
  "negative rows": () => packRowInterleave(u4, { rows: -2, cols: 4 }),
  "fractional cols": () => packRowInterleave(u4, { rows: 2, cols: 1.5 }),
  "no shape": () => packLinear(u4, undefined as never),
  "a misspelled option": () => packLinear(u4, { outFeatures: 1, inFeature: 8 } as never),
  "signed given to pack": () =>
    packLinear(u4, { outFeatures: 1, inFeatures: 8, signed: true } as never),
  "packed bytes of a wrong length": () => unpackLinear(u4, { outFeatures: 1, inFeatures: 8 }),
  "packed codes of a wrong class": () =>
    unpackRowInterleave(Int8Array.of(1) as never, { rows: 2, cols: 1 }),
  "rows beyond the weight": () =>
    packLinearRows(u4, { outFeatures: 4, inFeatures: 2 }, 2, new Uint8Array(4)),
  "HQQ at 5 bits": () => packHqq(u4, { rows: 8, cols: 1, bits: 5 as never }),
  "HQQ rows that do not divide": () => packHqq(u4, { rows: 1, cols: 8, bits: 4 }),
  "an HQQ code too large": () => packHqq(Uint8Array.of(1, 4, 0, 0), { rows: 4, cols: 1, bits: 2 }),
  "a layout's tile": () => toMarlin(new Uint8Array(32), { outFeatures: 8, inFeatures: 8 }),
  "AWQ of 4 out-features": () => toAwq(u4, { outFeatures: 4, inFeatures: 4 }),
  "GPTQ of 12 in-features": () => toGptq(u4, { outFeatures: 1, inFeatures: 12 }),
  "3 inner k tiles": () =>
    toTinygemm(u4, { outFeatures: 8, inFeatures: 2, innerKTiles: 3 as never }),
  "no inner k tiles": () => toTinygemm(u4, { outFeatures: 8, inFeatures: 32 } as never),
  "an order beyond K": () =>
    gatherInFeatures(u4, { outFeatures: 4, inFeatures: 4 }, Uint32Array.of(0, 1, 2, 4)),
  "no shape of zeros": () => toAwqZeros(new Float32Array(8), undefined as never),
  "AWQ zeros of a plain array": () => fromAwqZeros([0] as never, { groups: 1, outFeatures: 8 }),
  "GPTQ zeros of no array": () =>
    fromGptqZeros(undefined as never, { groups: 1, outFeatures: 8, version: 1 }),
  "no scales beside the biases": () => biasesToZeros(new Float32Array(8), undefined as never),
  "ONNX blocks of 15": () => toOnnx(u4, { outFeatures: 1, inFeatures: 16, blockSize: 15 }),
  "a transposition of too few": () => transposeFloats(new Float32Array(5), 2, 3),
  "flipped signs of a plain array": () => flipSigns([1] as never),
  "a real zero for GPTQ": () =>
    toGptqZeros(new Float32Array(8).fill(7.25), { groups: 1, outFeatures: 8, version: 2 }),
  "no GPTQ version": () =>
    toGptqZeros(new Float32Array(8).fill(7), { groups: 1, outFeatures: 8 } as never),
  "a transposition of negative sizes": () => transposeFloats(new Float32Array(6), -2, -3),
  "signed as text": () =>
    unpackLinear(u4, { outFeatures: 1, inFeatures: 16, signed: "no" as never }),
  "HQQ bits as text": () => packHqq(u4, { rows: 8, cols: 1, bits: "3" as never }),
  "rows from beyond the weight": () =>
    packLinearRows(new Uint8Array(0), { outFeatures: 4, inFeatures: 2 }, 5, new Uint8Array(4)),
  "rows of no array": () =>
    packLinearRows(undefined as never, { outFeatures: 4, inFeatures: 2 }, 0, new Uint8Array(4)),
  "GGUF blocks of an absurd shape": () =>
    fromGgufQ4_0(u4, { outFeatures: 2 ** 40, inFeatures: 32 }),
  "no GGUF parameters": () => toGgufQ4_0(undefined as never, { outFeatures: 1, inFeatures: 32 }),
  "an absurd ONNX block": () => toOnnx(u4, { outFeatures: 1, inFeatures: 16, blockSize: 2 ** 40 }),
  "a misspelled size of zeros": () =>
    toAwqZeros(new Float32Array(8), { groups: 1, outFeatures: 8, version: 1 } as never),
  "an offset of 4": () => biasesToZeros(new Float32Array(8), new Float32Array(8), 4 as never),
  "tinygemm parameters of no array": () => fromTinygemmParameters({ length: 2 } as never),
  "what only inherits from an array": () => flipSigns(Object.create(Uint8Array.prototype)),
  "a proxy of an array": () => flipSigns(new Proxy(u4, {})),
  "a detached array": () => {
    const gone = new Int32Array(1);
    structuredClone(gone, { transfer: [gone.buffer] });
    return fromGptqZeros(gone, { groups: 1, outFeatures: 8, version: 1 });
  },
  "HQQ words of a wrong class": () => unpackHqq(u4 as never, { rows: 10, cols: 8, bits: 3 }),
};

describe("errors", () => {
  test.each(Object.keys(mistakes))("%s", (name) => {
    let error: unknown;
    try {
      mistakes[name]!();
    } catch (caught) {
      error = caught;
    }
    expect(isW4A16Error(error)).toBe(true);
    expect(error).toBeInstanceOf(W4A16Error);
    expect((error as W4A16Error).message).toMatchSnapshot();
  });
});

test("a picture of a value is one short line, whatever the value", () => {
  const cycle: unknown[] = [];
  cycle.push(cycle);
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  expect(describeValue(cycle)).toBe("[[[…]]]");
  expect(describeValue(Array(9).fill(0))).toBe("[0, 0, 0, 0, 0, 0, 0, 0, …]");
  expect(describeValue(proxy)).toBe("an object that cannot be looked into");
  expect(describeValue({ constructor: { name: Symbol() } })).toMatch("cannot be looked into");
  expect(describeValue(Object.create(null))).toBe("an object of class null");
  for (const long of ["x".repeat(1e6), 10n ** 1000n]) {
    expect(describeValue(long).length).toBeLessThan(130);
  }
});
