/** Parameters and activations at the edges of their formats. */
import { DIRECTIONS, type Direction, type DType, dequantize, type Int4Weight } from "@w4a16/core";
import { describe, expect, it } from "vitest";
import {
  type RandomWeightOptions,
  randomInt4Weight,
  randomNormal,
  seededRandom,
} from "../testing.js";
import { extents, type Suite } from "./suite.js";

const M = 9;
const SHAPE = { outFeatures: 40, inFeatures: 192, groupSize: 32 };

const PARAMETERS: Record<string, Partial<RandomWeightOptions>> = {
  "negative scales": { scale: (random) => -0.01 * (1 + random.uniform()) },
  "scales of both signs": { scale: (random) => 0.01 * random.normal() },
  "scales of zero": { scale: (random) => (random.uniform() < 0.5 ? 0 : 0.01) },
  "all scales zero": { scale: () => 0 },
  "scales subnormal in float16": { scale: (random) => 2 ** -20 * (1 + random.uniform()) },
  "scales from 2^-10 to 2^6": { scale: (random) => 2 ** random.integer(-10, 6) },
  "zero = -20": { zero: () => -20 },
  "zero = 100": { zero: () => 100 },
  "zero = 7.3": { zero: () => 7.3 },
  "u4, all codes 0": { code: 0 },
  "u4, all codes 15": { code: 15 },
  "s4, all codes -8": { code: -8, signed: true },
  "s4, all codes 7": { code: 7, signed: true },
};

export function describeValues(suite: Suite): void {
  it.each(Object.keys(PARAMETERS))("%s", async (name) => {
    const random = seededRandom(2);
    const weight = randomInt4Weight(random, { ...SHAPE, ...PARAMETERS[name] });
    await checkAll(suite, weight, 0);
  });

  it("activations with a large mean", async () => {
    const weight = randomInt4Weight(seededRandom(3), SHAPE);
    await checkAll(suite, weight, 50);
  });

  it("scales below the normal range of float32 give zero or next to it", async () => {
    const weight = randomInt4Weight(seededRandom(4), { ...SHAPE, scale: () => 1e-40 });
    for (const direction of DIRECTIONS) {
      const y = await multiply(suite, weight, direction, "float32", ones(weight, direction));
      // Flushing subnormal numbers to zero is allowed.
      expect(Math.max(...y.map(Math.abs))).toBeLessThan(1e-36);
    }
  });

  it("arrays over memory that threads share", async () => {
    const weight = randomInt4Weight(seededRandom(5), SHAPE);
    const packed = share(weight.packed);
    const shared = { ...weight, packed, scales: share(weight.scales), zeros: share(weight.zeros) };
    for (const direction of DIRECTIONS) {
      const x = ones(weight, direction);
      const expected = await multiply(suite, weight, direction, "float32", x);
      expect(await multiply(suite, shared, direction, "float32", share(x))).toEqual(expected);
    }
  });

  describe.each(suite.dtypes)("%s", (dtype) => {
    it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
      "%d in x affects its row and no other",
      (value) => checkPoisonedRow(suite, dtype, value),
    );
    it("an infinite scale affects its outputs and no others", () =>
      checkInfiniteScale(suite, dtype));
    it("what was not finite in one call leaves no trace in the next", () =>
      checkNoTrace(suite, dtype));
    it("overflow of float16 gives infinity", () => checkOverflow(suite, dtype));
    it("one-hot activations give the weight back", () => checkOneHot(suite, dtype));
  });
}

async function checkAll(suite: Suite, weight: Int4Weight, mean: number): Promise<void> {
  const random = seededRandom(5);
  for (const direction of DIRECTIONS) {
    const x = randomNormal(random, M * extents(weight, direction).reduction, mean);
    for (const dtype of suite.dtypes) await suite.check({ weight, direction, dtype, m: M, x });
  }
}

async function checkPoisonedRow(suite: Suite, dtype: DType, value: number): Promise<void> {
  const random = seededRandom(6);
  const weight = randomInt4Weight(random, SHAPE);
  for (const direction of DIRECTIONS) {
    const { reduction, width } = extents(weight, direction);
    const x = randomNormal(random, M * reduction);
    const clean = await multiply(suite, weight, direction, dtype, x);
    const row = 4;
    x[row * reduction + 7] = value;
    const poisoned = await multiply(suite, weight, direction, dtype, x);
    const isPoisoned = (i: number) => Math.floor(i / width) === row;
    expectPoison(poisoned, clean, isPoisoned);
    if (Number.isNaN(value)) {
      expect(poisoned.filter((_, i) => isPoisoned(i)).every(Number.isNaN)).toBe(true);
    }
  }
}

async function checkInfiniteScale(suite: Suite, dtype: DType): Promise<void> {
  const random = seededRandom(7);
  const weight = randomInt4Weight(random, SHAPE);
  const [group, feature] = [2, 11];
  const scales = weight.scales.slice();
  scales[group * weight.outFeatures + feature] = Number.POSITIVE_INFINITY;
  for (const direction of DIRECTIONS) {
    const { reduction, width } = extents(weight, direction);
    const x = randomNormal(random, M * reduction);
    const clean = await multiply(suite, weight, direction, dtype, x);
    const poisoned = await multiply(suite, { ...weight, scales }, direction, dtype, x);
    expectPoison(poisoned, clean, (i) =>
      direction === "matmul"
        ? i % width === feature
        : Math.floor((i % width) / weight.groupSize) === group,
    );
  }
}

/** Poisoned elements are not finite; all others have the bits they have without the poison. */
function expectPoison(
  poisoned: Float32Array,
  clean: Float32Array,
  isPoisoned: (index: number) => boolean,
): void {
  const finite = Array.from(poisoned, Number.isFinite);
  expect(finite).toEqual(Array.from(poisoned, (_, i) => !isPoisoned(i)));
  expect(poisoned.filter((_, i) => !isPoisoned(i))).toEqual(clean.filter((_, i) => !isPoisoned(i)));
}

async function checkNoTrace(suite: Suite, dtype: DType): Promise<void> {
  const random = seededRandom(10);
  const poison = randomInt4Weight(random, { ...SHAPE, scale: () => Number.POSITIVE_INFINITY });
  // N odd and below any tile: what lies behind its edges is left from the call before.
  const weight = randomInt4Weight(random, { outFeatures: 33, inFeatures: 66, groupSize: 22 });
  for (const direction of DIRECTIONS) {
    const before = new Float32Array(M * extents(poison, direction).reduction).fill(Number.NaN);
    const x = randomNormal(random, 5 * extents(weight, direction).reduction);
    await multiply(suite, poison, direction, dtype, before);
    await suite.check({ weight, direction, dtype, m: 5, x });
  }
}

async function checkOverflow(suite: Suite, dtype: DType): Promise<void> {
  const weight = randomInt4Weight(seededRandom(8), {
    outFeatures: 64,
    inFeatures: 64,
    code: 15,
    scale: () => 1,
    zero: () => 0,
  });
  const rows = [100, -100, 1];
  const x = Float32Array.from({ length: rows.length * 64 }, (_, i) => rows[Math.floor(i / 64)]!);
  // 64 · 15 · 100 = 96000 is more than 65504, the largest float16.
  const limits = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 960];
  const expected = Float32Array.from(x, (_, i) => limits[Math.floor(i / 64)]!);
  for (const direction of DIRECTIONS) {
    expect(await multiply(suite, weight, direction, dtype, x, "float16")).toEqual(expected);
  }
}

async function checkOneHot(suite: Suite, dtype: DType): Promise<void> {
  // Powers of two and halves: every (code − zero) · scale has at most 6 bits.
  const weight = randomInt4Weight(seededRandom(9), {
    outFeatures: 40,
    inFeatures: 64,
    groupSize: 16,
    scale: (random) => 2 ** random.integer(-8, 2),
    zero: (random) => random.integer(-16, 48) / 2,
  });
  const { outFeatures: n, inFeatures: k } = weight;
  const w = dequantize(weight);
  const columns = Float32Array.from(w, (_, i) => w[(i % n) * k + Math.floor(i / n)]!);
  expect(await multiply(suite, weight, "matmul", dtype, identity(k))).toEqual(columns);
  expect(await multiply(suite, weight, "matmulTransposed", dtype, identity(n))).toEqual(w);
}

async function multiply(
  suite: Suite,
  weight: Int4Weight,
  direction: Direction,
  dtype: DType,
  x: Float32Array,
  outDtype?: DType,
): Promise<Float32Array> {
  const { reduction } = extents(weight, direction);
  const loaded = suite.load(weight);
  const input = suite.device.tensor([x.length / reduction, reduction], dtype, x);
  const y = loaded[direction](input, { outDtype });
  const values = await y.readFloat32();
  for (const handle of [loaded, input, y]) handle.dispose();
  return values;
}

function ones(weight: Int4Weight, direction: Direction): Float32Array {
  return new Float32Array(extents(weight, direction).reduction).fill(1);
}

function identity(size: number): Float32Array {
  return Float32Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
}

function share<Values extends Uint8Array | Float32Array>(values: Values): Values {
  const Constructor = values.constructor as new (buffer: SharedArrayBuffer) => Values;
  const shared = new Constructor(new SharedArrayBuffer(values.byteLength));
  shared.set(values);
  return shared;
}
