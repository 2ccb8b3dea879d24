/** What must agree with itself: adjoint products, repeated calls, fused weights. */
import { concatOutFeatures, type DeviceTensor, DIRECTIONS } from "@w4a16/core";
import { expect, it } from "vitest";
import { scaledMaxError } from "../metrics.js";
import { randomInt4Weight, randomNormal, seededRandom } from "../testing.js";
import { extents, type Suite } from "./suite.js";

export function describeIdentities(suite: Suite): void {
  it.each(suite.dtypes)("⟨Y, dY⟩ = ⟨X, dX⟩ in %s", async (dtype) => {
    const random = seededRandom(30);
    const [m, n, k] = [13, 72, 160];
    const weight = suite.load(
      randomInt4Weight(random, { outFeatures: n, inFeatures: k, groupSize: 32 }),
    );
    const x = suite.device.tensor([m, k], dtype, randomNormal(random, m * k));
    const dy = suite.device.tensor([m, n], dtype, randomNormal(random, m * n));
    const y = await weight.matmul(x, { outDtype: "float32" }).readFloat32();
    const dx = await weight.matmulTransposed(dy, { outDtype: "float32" }).readFloat32();
    const [left, leftSize] = inner(y, await dy.readFloat32());
    const [right, rightSize] = inner(await x.readFloat32(), dx);
    // Both sides carry the error of a product; 2⁻²⁴ of each term is the output's rounding.
    const bound = (suite.tolerance(dtype).frobenius + 2 ** -24) * (leftSize + rightSize);
    expect(Math.abs(left - right)).toBeLessThanOrEqual(bound);
  });

  it("the same call gives the same bits, on this device and on another", async () => {
    const random = seededRandom(31);
    const weight = randomInt4Weight(random, { outFeatures: 136, inFeatures: 768 });
    const second = await suite.open();
    for (const m of [1, 33]) {
      for (const direction of DIRECTIONS) {
        const { reduction } = extents(weight, direction);
        const values = randomNormal(random, m * reduction);
        for (const dtype of suite.dtypes) {
          const x = suite.device.tensor([m, reduction], dtype, values);
          const loaded = suite.load(weight);
          const first = await loaded[direction](x).read();
          for (let run = 0; run < 5; run++) {
            expect(await loaded[direction](x).read()).toEqual(first);
          }
          const other = suite.load(weight, second);
          const y = other[direction](second.tensor([m, reduction], dtype, values));
          expect(await y.read()).toEqual(first);
        }
      }
    }
    second.dispose();
  });

  it.each(suite.dtypes)("a fused weight equals its parts in %s", async (dtype) => {
    const random = seededRandom(32);
    const [m, k] = [11, 128];
    const parts = [72, 40, 24].map((outFeatures) =>
      randomInt4Weight(random, { outFeatures, inFeatures: k }),
    );
    const fused = suite.load(concatOutFeatures(parts));
    const x = suite.device.tensor([m, k], dtype, randomNormal(random, m * k));
    const y = fused.matmul(x, { outDtype: "float32" });
    let column = 0;
    for (const part of parts) {
      const own = suite.load(part).matmul(x, { outDtype: "float32" });
      const range: [number, number] = [column, (column += part.outFeatures)];
      await expectSame(y.view({ columns: range }), own, 2 * suite.tolerance(dtype).scaled);
    }
  });
}

/** Σ a·b and, to judge its error by, Σ |a·b|. */
function inner(a: Float32Array, b: Float32Array): [sum: number, size: number] {
  let sum = 0;
  let size = 0;
  for (let i = 0; i < a.length; i++) {
    sum += a[i]! * b[i]!;
    size += Math.abs(a[i]! * b[i]!);
  }
  return [sum, size];
}

async function expectSame(a: DeviceTensor, b: DeviceTensor, tolerance: number): Promise<void> {
  const [left, right] = [await a.readFloat32(), await b.readFloat32()];
  expect(left.length).toBe(right.length);
  const size = Math.max(...right.map(Math.abs));
  expect(scaledMaxError(left, right, size)).toBeLessThanOrEqual(tolerance);
}
