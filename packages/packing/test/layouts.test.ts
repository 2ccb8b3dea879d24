/**
 * Each layout against its definition, written as the place of every code: the
 * word (or byte) and the nibble in which code (n, k) must be found.
 */
import { describe, expect, test } from "vitest";
import {
  fromAwq,
  fromGemlite,
  fromGgufQ4_0,
  fromGgufQ4_1,
  fromGptq,
  fromHqq4bit,
  fromMarlin,
  fromMlx,
  fromOnnx,
  fromOnnxZeroPoints,
  fromTinygemm,
  type LinearShape,
  packLinear,
  toAwq,
  toGemlite,
  toGgufQ4_0,
  toGgufQ4_1,
  toGptq,
  toGptqZeros,
  toHqq4bit,
  toMarlin,
  toMlx,
  toOnnx,
  toOnnxZeroPoints,
  toTinygemm,
  transposeBytes,
  transposeFloats,
  unpackLinear,
} from "../src/index.js";

/** Element of the stored array, and the nibble in it. */
type Place = [element: number, nibble: number];
type Stored = Uint8Array | Int32Array | Uint32Array;

interface Layout {
  readonly shapes: ReadonlyArray<[outFeatures: number, inFeatures: number]>;
  readonly to: (packed: Uint8Array, shape: LinearShape) => Stored;
  readonly from: (stored: never, shape: LinearShape) => Uint8Array;
  readonly place: (n: number, k: number, N: number, K: number) => Place;
  /** Elements that hold no code: parameters, padding. */
  readonly length?: (N: number, K: number) => number;
}

const tinygemm = (T: 2 | 4 | 8): Layout => ({
  shapes: [
    [8, 16 * T],
    [24, 48 * T],
    [40, 32 * T],
  ],
  to: (packed, shape) => toTinygemm(packed, { ...shape, innerKTiles: T }),
  from: (words, shape) => fromTinygemm(words, { ...shape, innerKTiles: T }),
  place: (n, k, _, K) => {
    const lane = (n & 7) * 4 + ((k & 7) >> 1);
    const block = (n >> 3) * (K / (16 * T)) + Math.floor(k / (16 * T));
    const word = (k % (16 * T)) >> 5;
    return [(block * 32 + lane) * (T / 2) + word, ((k & 31) >> 3) + 4 * (k & 1)];
  },
});

const gptq = (to: Layout["to"], from: Layout["from"]): Layout => ({
  shapes: [
    [1, 8],
    [3, 40],
    [40, 24],
  ],
  to,
  from,
  place: (n, k, N) => [(k >> 3) * N + n, k & 7],
});

const onnx = (blockSize: number): Layout => ({
  shapes: [
    [1, 16],
    [5, 48],
    [3, 90],
  ],
  to: (packed, shape) => toOnnx(packed, { ...shape, blockSize }),
  from: (bytes, shape) => fromOnnx(bytes, { ...shape, blockSize }),
  place: (n, k, _, K) => [n * Math.ceil(K / blockSize) * (blockSize / 2) + (k >> 1), k & 1],
  length: (N, K) => N * Math.ceil(K / blockSize) * (blockSize / 2),
});

const gguf = (parameterBytes: number): Pick<Layout, "shapes" | "place" | "length"> => ({
  shapes: [
    [1, 32],
    [3, 64],
    [20, 160],
  ],
  place: (n, k, _, K) => {
    const block = (n * K) / 32 + (k >> 5);
    return [block * (parameterBytes + 16) + parameterBytes + (k & 15), (k & 31) >> 4];
  },
  length: (N, K) => ((N * K) / 32) * (parameterBytes + 16),
});

const layouts: Record<string, Layout> = {
  "tinygemm, 2 inner k tiles": tinygemm(2),
  "tinygemm, 4 inner k tiles": tinygemm(4),
  "tinygemm, 8 inner k tiles": tinygemm(8),
  GPTQ: gptq(toGptq, fromGptq),
  gemlite: gptq(toGemlite, fromGemlite),
  AWQ: {
    shapes: [
      [8, 2],
      [16, 6],
      [40, 24],
    ],
    to: toAwq,
    from: fromAwq,
    place: (n, k, N) => [k * (N / 8) + (n >> 3), [0, 2, 4, 6, 1, 3, 5, 7].indexOf(n & 7)],
  },
  "ONNX, blocks of 16": onnx(16),
  "ONNX, blocks of 64": onnx(64),
  MLX: {
    shapes: [
      [1, 8],
      [3, 40],
      [33, 136],
    ],
    to: toMlx,
    from: fromMlx,
    place: (n, k, _, K) => [n * (K / 8) + (k >> 3), k & 7],
  },
  Marlin: {
    shapes: [
      [256, 128],
      [512, 384],
    ],
    to: toMarlin,
    from: fromMarlin,
    place: (n, k, N) => {
      const lane = (n & 7) * 4 + ((k & 7) >> 1);
      const word = (n >> 6) * 128 + lane * 4 + ((n & 63) >> 4);
      const e = 4 * ((n >> 3) & 1) + 2 * ((k >> 3) & 1) + (k & 1);
      return [(k >> 4) * 2 * N + word, [0, 4, 1, 5, 2, 6, 3, 7][e]!];
    },
  },
  "HQQ 4bit_u8": {
    shapes: [
      [2, 2],
      [3, 4],
      [1, 10],
      [5, 2],
      [34, 130],
    ],
    to: toHqq4bit,
    from: fromHqq4bit,
    place: (n, k, N, K) => {
      const flat = n * K + k;
      const half = (N * K) / 2;
      return flat < half ? [flat, 1] : [flat - half, 0];
    },
  },
  "GGUF Q4_0": {
    ...gguf(2),
    to: (packed, shape) => toGgufQ4_0({ packed, d: blank(shape) }, shape),
    from: (blocks, shape) => fromGgufQ4_0(blocks, shape).packed,
  },
  "GGUF Q4_1": {
    ...gguf(4),
    to: (packed, shape) => toGgufQ4_1({ packed, d: blank(shape), m: blank(shape) }, shape),
    from: (blocks, shape) => fromGgufQ4_1(blocks, shape).packed,
  },
};

function blank({ outFeatures, inFeatures }: LinearShape): Uint16Array {
  return new Uint16Array((outFeatures * inFeatures) / 32);
}

/** Codes [N, K] without a pattern. */
export function codesFor(N: number, K: number): Uint8Array {
  return Uint8Array.from({ length: N * K }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 28);
}

describe.each(Object.entries(layouts))("%s", (_, { shapes, to, from, place, length }) => {
  test.each(shapes)("N = %i, K = %i", (N, K) => {
    const shape = { outFeatures: N, inFeatures: K };
    const codes = codesFor(N, K);
    const packed = packLinear(codes, shape);
    const stored = to(packed, shape);

    const expected = new (stored.constructor as new (length: number) => Stored)(
      length?.(N, K) ?? (N * K) / (2 * stored.BYTES_PER_ELEMENT),
    );
    for (let n = 0; n < N; n++) {
      for (let k = 0; k < K; k++) {
        const [element, nibble] = place(n, k, N, K);
        expected[element]! |= codes[n * K + k]! << (4 * nibble);
      }
    }
    expect(stored).toEqual(expected);
    expect(from(stored as never, shape)).toEqual(packed);
  });
});

test("MLX and ONNX weights are the same bytes", () => {
  const shape = { outFeatures: 12, inFeatures: 64 };
  const packed = packLinear(codesFor(12, 64), shape);
  expect(new Uint8Array(toMlx(packed, shape).buffer)).toEqual(
    toOnnx(packed, { ...shape, blockSize: 32 }),
  );
});

/** Of these, each took time in proportion to the size that is not 0. */
test("a weight with a size of 0 takes no time, however large the other size", () => {
  const many = 2 ** 34;
  const none = new Uint8Array(0);
  const noWords = new Int32Array(0);
  const noFloats = new Float32Array(0);
  const wide = { outFeatures: 0, inFeatures: many };
  const tall = { outFeatures: many, inFeatures: 0 };
  const zeros = { groups: many, outFeatures: 0 };
  const results: ArrayLike<number>[] = [
    transposeBytes(none, many, 0),
    transposeFloats(noFloats, many, 0),
    packLinear(none, tall),
    unpackLinear(none, tall),
    toHqq4bit(none, wide),
    toMarlin(none, wide),
    fromMarlin(noWords, wide),
    toTinygemm(none, { ...wide, innerKTiles: 2 }),
    fromTinygemm(noWords, { ...wide, innerKTiles: 2 }),
    toOnnx(none, { ...wide, blockSize: 32 }),
    fromOnnx(none, { ...tall, blockSize: 32 }),
    toOnnxZeroPoints(noFloats, zeros),
    fromOnnxZeroPoints(none, zeros),
  ];
  for (const { length } of results) expect(length).toBe(0);
}, 2000);

test("a detached array is one without elements", () => {
  const [words, floats] = [new Uint32Array(8), new Float32Array(8)];
  structuredClone(0, { transfer: [words.buffer, floats.buffer] });
  expect(fromMlx(words, { outFeatures: 0, inFeatures: 8 })).toEqual(new Uint8Array(0));
  expect(transposeFloats(floats, 0, 8)).toEqual(new Float32Array(0));
  const none = { groups: 0, outFeatures: 8, version: 1 } as const;
  expect(toGptqZeros(floats, none)).toEqual(new Int32Array(0));
});

/** Words worked out on paper: in-features (or out-features) 0 … 7 with codes 0 … 7. */
describe("by hand", () => {
  const alongK = Uint8Array.of(0x10, 0x32, 0x54, 0x76);
  // Two rows of eight out-features: even in-feature n, odd in-feature 15 − n.
  const alongN = Uint8Array.of(0xf0, 0xe1, 0xd2, 0xc3, 0xb4, 0xa5, 0x96, 0x87);

  test("GPTQ: in-feature 0 in the lowest nibble", () => {
    const words = toGptq(alongK, { outFeatures: 1, inFeatures: 8 });
    expect(words).toEqual(Int32Array.of(0x76543210));
  });

  test("AWQ: even columns, then odd ones", () => {
    const words = toAwq(alongN, { outFeatures: 8, inFeatures: 2 });
    expect(words).toEqual(Int32Array.of(0x75316420, 0x8ace9bdf | 0));
  });

  test("Q4_0: d, then j and j + 16 in a byte", () => {
    const codes = Uint8Array.from({ length: 32 }, (_, k) => (k < 16 ? k : 31 - k));
    const shape = { outFeatures: 1, inFeatures: 32 };
    const blocks = toGgufQ4_0(
      { packed: packLinear(codes, shape), d: Uint16Array.of(0x3c01) },
      shape,
    );
    const bytes = Array.from({ length: 16 }, (_, j) => j | ((15 - j) << 4));
    expect(blocks).toEqual(Uint8Array.of(0x01, 0x3c, ...bytes));
    expect(fromGgufQ4_0(blocks, shape).d).toEqual(Uint16Array.of(0x3c01));
  });

  test("Q4_1: d, m, then the codes, block by block along a row", () => {
    const shape = { outFeatures: 2, inFeatures: 64 };
    const packed = packLinear(codesFor(2, 64), shape);
    // Parameters [K/32, N]: block b of out-feature n is at 2b + n.
    const d = Uint16Array.of(0x1000, 0x1001, 0x1010, 0x1011);
    const m = Uint16Array.of(0x2000, 0x2001, 0x2010, 0x2011);
    const blocks = toGgufQ4_1({ packed, d, m }, shape);
    const heads = [0, 1, 2, 3].map((block) => [...blocks.subarray(20 * block, 20 * block + 4)]);
    expect(heads).toEqual([
      [0x00, 0x10, 0x00, 0x20],
      [0x10, 0x10, 0x10, 0x20],
      [0x01, 0x10, 0x01, 0x20],
      [0x11, 0x10, 0x11, 0x20],
    ]);
    expect(fromGgufQ4_1(blocks, shape)).toEqual({ packed, d, m });
  });
});
