/** Disposal: idempotent, complete, and an error on later use. */
import type { Device } from "@w4a16/core";
import { expect, it } from "vitest";
import { randomInt4Weight, randomNormal, seededRandom } from "../testing.js";
import { expectCode, expectRejection } from "./expect.js";
import type { Suite } from "./suite.js";

const [M, N, K] = [5, 24, 64];
const int4 = randomInt4Weight(seededRandom(50), { outFeatures: N, inFeatures: K, groupSize: 32 });
const NOTHING = { weights: 0, tensors: 0 };
const DISPOSED = "W4A16_DISPOSED";

export function describeLifetimes(suite: Suite): void {
  /** A device of the test's own. */
  const withDevice = (test: (device: Device) => Promise<void>) => async () => {
    const device = await suite.open();
    try {
      await test(device);
    } finally {
      device.dispose();
    }
  };
  const values = randomNormal(seededRandom(51), M * K);

  it(
    "memory() tells what is held, and goes back to zero",
    withDevice(async (device) => {
      expect(device.memory()).toEqual(NOTHING);
      const x = device.tensor([M, K], "float16", values);
      expect(device.memory().tensors).toBeGreaterThanOrEqual(2 * M * K);
      const weight = suite.load(int4, device);
      expect(device.memory().weights).toBeGreaterThanOrEqual(int4.packed.length);
      const y = weight.matmul(x);
      await y.read();
      for (const handle of [y, x, weight]) handle.dispose();
      await device.synchronize();
      expect(device.memory()).toEqual(NOTHING);
    }),
  );

  it(
    "dispose is idempotent",
    withDevice(async (device) => {
      const handles = [device.tensor([2], "float32"), suite.load(int4, device), device];
      for (const handle of handles) {
        expect(handle.disposed).toBe(false);
        handle.dispose();
        handle.dispose();
        handle[Symbol.dispose]();
        expect(handle.disposed).toBe(true);
      }
    }),
  );

  it(
    "a view keeps its elements after the tensor is disposed",
    withDevice(async (device) => {
      const x = device.tensor([2, 3], "float32", new Float32Array([1, 2, 3, 4, 5, 6]));
      const view = x.view({ columns: [1, 3] });
      const inner = view.view({ rows: [1, 2] });
      x.dispose();
      view.dispose();
      view.dispose();
      expect(Array.from(await inner.readFloat32())).toEqual([5, 6]);
      expect(device.memory().tensors).toBeGreaterThan(0);
      inner.dispose();
      await device.synchronize();
      expect(device.memory()).toEqual(NOTHING);
    }),
  );

  it(
    "a disposed tensor is refused",
    withDevice(async (device) => {
      const weight = suite.load(int4, device);
      const x = device.tensor([M, K], "float32", values);
      const gone = device.tensor([M, K], "float32");
      const out = device.tensor([M, N], "float32");
      const bias = device.tensor([N], "float32");
      for (const tensor of [gone, out, bias]) tensor.dispose();
      expectCode(() => gone.view({}), DISPOSED);
      expectCode(() => gone.write(values), DISPOSED);
      await expectRejection(() => gone.read(), DISPOSED);
      await expectRejection(() => gone.readFloat32(), DISPOSED);
      expectCode(() => weight.matmul(gone), DISPOSED);
      expectCode(() => weight.matmul(x, { out }), DISPOSED);
      expectCode(() => weight.matmul(x, { bias }), DISPOSED);
    }),
  );

  it(
    "a disposed weight is refused",
    withDevice(async (device) => {
      const weight = suite.load(int4, device);
      weight.dispose();
      expectCode(() => weight.matmul(device.tensor([M, K], "float32")), DISPOSED);
      expectCode(() => weight.matmulTransposed(device.tensor([M, N], "float32")), DISPOSED);
    }),
  );

  it(
    "disposing a device frees all it gave out",
    withDevice(async (device) => {
      const weight = suite.load(int4, device);
      const x = device.tensor([M, K], "float32", values);
      const view = x.view({ rows: [0, 1] });
      const y = weight.matmul(x);
      device.dispose();
      expect(device.memory()).toEqual(NOTHING);
      for (const tensor of [x, view, y]) {
        expectCode(() => tensor.view({}), DISPOSED);
        expectCode(() => tensor.write(values), DISPOSED);
        await expectRejection(() => tensor.read(), DISPOSED);
      }
      expectCode(() => weight.matmul(x), DISPOSED);
      expectCode(() => device.tensor([1], "float32"), DISPOSED);
      expectCode(() => suite.load(int4, device), DISPOSED);
      await expectRejection(() => device.synchronize(), DISPOSED);
      for (const handle of [y, view, x, weight]) handle.dispose();
    }),
  );

  it("a result that was read before the device went is kept", async () => {
    const device = await suite.open();
    const weight = suite.load(int4, device);
    const y = await weight.matmul(device.tensor([M, K], "float32", values)).readFloat32();
    const copy = y.slice();
    device.dispose();
    expect(y).toEqual(copy);
  });

  it("devices open and close many times", async () => {
    for (let round = 0; round < 20; round++) {
      const device = await suite.open();
      await suite
        .load(int4, device)
        .matmul(device.tensor([M, K], "float32", values))
        .read();
      device.dispose();
    }
  });
}
