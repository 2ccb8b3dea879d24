/** Where operands lie and what they are: views, offsets, ranks, `out`, bias, mixed dtypes. */
import {
  type DeviceTensor,
  DIRECTIONS,
  type Direction,
  DTYPES,
  type DType,
  type TensorData,
} from "@w4a16/core";
import { describe, expect, it } from "vitest";
import { randomInt4Weight, randomNormal, seededRandom } from "../testing.js";
import { extents, keptBy, type Suite } from "./suite.js";

const M = 19;
const weight = randomInt4Weight(seededRandom(20), {
  outFeatures: 72,
  inFeatures: 128,
  groupSize: 64,
});
const GUARD = -12345;

export function describeLayouts(suite: Suite): void {
  describe.each(suite.dtypes)("%s", (dtype) => {
    it.each([0, 1, 8])("a strided view of x at column %i", async (column) => {
      for (const direction of DIRECTIONS) {
        const { reduction } = extents(weight, direction);
        const values = randomNormal(seededRandom(21), M * reduction);
        const x = strided(suite, dtype, M, reduction, column).view;
        x.write(values);
        await expectOutput(suite, suite.load(weight)[direction](x), direction, dtype, values);
      }
    });

    it.each([0, 1, 8])("a strided out at column %i, and nothing around it", async (column) => {
      for (const direction of DIRECTIONS) {
        const { reduction, width } = extents(weight, direction);
        const values = randomNormal(seededRandom(22), M * reduction);
        const x = suite.device.tensor([M, reduction], dtype, values);
        const out = strided(suite, dtype, M, width, column);
        const y = suite.load(weight)[direction](x, { out: out.view });
        expect(y).toBe(out.view);
        await expectOutput(suite, y, direction, dtype, values);
        await expectGuardIntact(out.base, width, column);
      }
    });

    it.each(DTYPES)("into %s", async (outDtype) => {
      for (const direction of DIRECTIONS) {
        const { reduction, width } = extents(weight, direction);
        const values = randomNormal(seededRandom(23), M * reduction);
        const x = suite.device.tensor([M, reduction], dtype, values);
        const loaded = suite.load(weight);
        const y = loaded[direction](x, { outDtype });
        expect([y.dtype, y.shape, y.device]).toEqual([outDtype, [M, width], suite.device]);
        const out = suite.device.tensor([M, width], outDtype);
        loaded[direction](x, { out, outDtype });
        expect(await out.read()).toEqual(await y.read());
        await expectOutput(suite, y, direction, dtype, values);
      }
    });

    it.each(DTYPES)("a bias of %s", async (biasDtype) => {
      for (const direction of DIRECTIONS) {
        const { reduction, width } = extents(weight, direction);
        const random = seededRandom(24);
        const values = randomNormal(random, M * reduction);
        const x = suite.device.tensor([M, reduction], dtype, values);
        const bias = strided(suite, biasDtype, 1, width, 3).view;
        bias.write(randomNormal(random, width));
        const added = await bias.readFloat32();
        const y = suite.load(weight)[direction](x, { bias });
        await expectOutput(suite, y, direction, dtype, values, added);
        const vector = suite.device.tensor([width], biasDtype, added);
        const again = suite.load(weight)[direction](x, { bias: vector });
        expect(await again.read()).toEqual(await y.read());
      }
    });
  });

  it("leading dimensions are rows", async () => {
    for (const direction of DIRECTIONS) {
      const { reduction, width } = extents(weight, direction);
      const values = randomNormal(seededRandom(25), 6 * reduction);
      const loaded = suite.load(weight);
      const matrix = loaded[direction](suite.device.tensor([6, reduction], "float32", values));
      const cube = loaded[direction](suite.device.tensor([2, 3, reduction], "float32", values));
      expect(cube.shape).toEqual([2, 3, width]);
      expect(await cube.read()).toEqual(await matrix.read());
      const first = suite.device.tensor([reduction], "float32", values.slice(0, reduction));
      const vector = loaded[direction](first);
      expect(vector.shape).toEqual([width]);
      await expectOutput(suite, vector, direction, "float32", values.slice(0, reduction));
    }
  });

  it("no rows give no rows", async () => {
    for (const direction of DIRECTIONS) {
      const { reduction, width } = extents(weight, direction);
      const y = suite.load(weight)[direction](suite.device.tensor([3, 0, reduction], "float16"));
      expect(y.shape).toEqual([3, 0, width]);
      expect(await y.read()).toHaveLength(0);
    }
  });

  it("tensors hold what was written, and views see it", async () => {
    for (const dtype of suite.dtypes) {
      const matrix = suite.device.tensor(
        [3, 4],
        dtype,
        Float32Array.from({ length: 12 }, (_, i) => i),
      );
      const view = matrix.view({ rows: [1, 3], columns: [1, 4] });
      expect([view.shape, view.rowStride]).toEqual([[2, 3], 4]);
      expect(Array.from(await view.readFloat32())).toEqual([5, 6, 7, 9, 10, 11]);
      const inner = view.view({ columns: [1, 2] });
      inner.write(new Float32Array([-1, -2]));
      expect(Array.from(await matrix.readFloat32())).toEqual([
        0, 1, 2, 3, 4, 5, -1, 7, 8, 9, -2, 11,
      ]);
      expect(await matrix.view({ rows: [2, 2] }).read()).toHaveLength(0);
      const zeros = suite.device.tensor([5], dtype);
      expect(Array.from(await zeros.readFloat32())).toEqual([0, 0, 0, 0, 0]);
    }
  });

  it("16-bit tensors take bits, and float32 values rounded to nearest even", async () => {
    const bits = new Uint16Array([0x0001, 0x8000, 0x3c00, 0x7c00, 0xfbff]);
    for (const dtype of ["float16", "bfloat16"] as const) {
      expect(await suite.device.tensor([5], dtype, bits).read()).toEqual(bits);
    }
    // Node 20 and 22 have no Float16Array.
    const { Float16Array } = globalThis as { Float16Array?: new (bits: ArrayBuffer) => TensorData };
    if (Float16Array) {
      const halves = new Float16Array(bits.buffer);
      expect(await suite.device.tensor([5], "float16", halves).read()).toEqual(bits);
    }
    const ties = new Float32Array([1 + 2 ** -11, 1 + 3 * 2 ** -11, 1e6]);
    const half = suite.device.tensor([3], "float16", ties);
    expect(await half.read()).toEqual(new Uint16Array([0x3c00, 0x3c02, 0x7c00]));
  });
}

/** A view of [rows, cols] inside a larger matrix full of guards. */
function strided(
  suite: Suite,
  dtype: DType,
  rows: number,
  cols: number,
  column: number,
): { base: DeviceTensor; view: DeviceTensor } {
  const shape = [rows + 2, cols + 16];
  const guards = new Float32Array(shape[0]! * shape[1]!).fill(GUARD);
  const base = suite.device.tensor(shape, dtype, guards);
  return { base, view: base.view({ rows: [1, rows + 1], columns: [column, column + cols] }) };
}

async function expectGuardIntact(base: DeviceTensor, cols: number, column: number): Promise<void> {
  const [rows, stride] = base.shape as [number, number];
  const guard = (await base.device.tensor([1], base.dtype, new Float32Array([GUARD])).read())[0];
  const elements = await base.read();
  const touched = Array.from(elements.keys()).filter((i) => {
    const row = Math.floor(i / stride);
    const inside = row >= 1 && row < rows - 1 && i % stride >= column && i % stride < column + cols;
    return !inside && elements[i] !== guard;
  });
  expect(touched, "guard elements that changed").toEqual([]);
}

async function expectOutput(
  suite: Suite,
  y: DeviceTensor,
  direction: Direction,
  dtype: DType,
  x: Float32Array,
  bias?: Float32Array,
): Promise<void> {
  const m = x.length / extents(weight, direction).reduction;
  const kept = keptBy(suite.load(weight), weight);
  const product = { weight: kept, direction, dtype, m, x, outDtype: y.dtype };
  suite.expectProduct(await y.readFloat32(), product, bias);
}
