/** Calls take effect in the order in which they were made, also where they run beside the event loop. */
import type { DeviceTensor, DeviceWeight } from "@w4a16/core";
import { expect, it } from "vitest";
import { randomInt4Weight, randomNormal, seededRandom } from "../testing.js";
import type { Suite } from "./suite.js";

const [M, N, K] = [33, 136, 256];

interface Scene {
  readonly weight: DeviceWeight;
  readonly x: DeviceTensor;
  /** Activations other than those in x. */
  readonly others: Float32Array;
  /** What matmul gives for x, and for `others`. */
  readonly first: Float32Array;
  readonly second: Float32Array;
}

async function scene(suite: Suite): Promise<Scene> {
  const random = seededRandom(40);
  const weight = suite.load(randomInt4Weight(random, { outFeatures: N, inFeatures: K }));
  const x = suite.device.tensor([M, K], "float32", randomNormal(random, M * K));
  const others = randomNormal(random, M * K);
  const first = await weight.matmul(x).readFloat32();
  const second = await weight.matmul(suite.device.tensor([M, K], "float32", others)).readFloat32();
  return { weight, x, others, first, second };
}

export function describeOrdering(suite: Suite): void {
  it("overwriting x after a call does not change that call's result", async () => {
    const { weight, x, others, first, second } = await scene(suite);
    const before = weight.matmul(x);
    x.write(others);
    const after = weight.matmul(x);
    expect(await before.readFloat32()).toEqual(first);
    expect(await after.readFloat32()).toEqual(second);
  });

  it("changing the array after write() or tensor() changes nothing", async () => {
    const { weight, x, others, second } = await scene(suite);
    const data = others.slice();
    x.write(data);
    data.fill(7);
    expect(await weight.matmul(x).readFloat32()).toEqual(second);
  });

  it("changing the arrays of a weight after loadWeight() changes nothing", async () => {
    const random = seededRandom(41);
    const int4 = randomInt4Weight(random, { outFeatures: N, inFeatures: K });
    const weight = suite.load(int4);
    const x = suite.device.tensor([M, K], "float32", randomNormal(random, M * K));
    const before = await weight.matmul(x).read();
    int4.packed.fill(0);
    int4.scales.fill(0);
    int4.zeros.fill(0);
    expect(await weight.matmul(x).read()).toEqual(before);
  });

  it("a read sees out as it is when read is called", async () => {
    const { weight, x, others, first, second } = await scene(suite);
    const out = suite.device.tensor([M, N], "float32");
    weight.matmul(x, { out });
    const reading = out.readFloat32();
    x.write(others);
    weight.matmul(x, { out });
    expect(await reading).toEqual(first);
    expect(await out.readFloat32()).toEqual(second);
  });

  it("a product may feed the next", async () => {
    const { weight, x, first } = await scene(suite);
    const chained = weight.matmulTransposed(weight.matmul(x));
    const staged = weight.matmulTransposed(suite.device.tensor([M, N], "float32", first));
    expect(await chained.readFloat32()).toEqual(await staged.readFloat32());
  });

  it("operands may be disposed as soon as the call returns", async () => {
    const { weight, x, first } = await scene(suite);
    const y = weight.matmul(x);
    x.dispose();
    weight.dispose();
    expect(await y.readFloat32()).toEqual(first);
  });

  it("many calls in flight all arrive", async () => {
    const { weight, x, first } = await scene(suite);
    const results = Array.from({ length: 50 }, () => weight.matmul(x).readFloat32());
    for (const result of await Promise.all(results)) expect(result).toEqual(first);
  });

  it("synchronize waits for what was enqueued", async () => {
    const { weight, x, first } = await scene(suite);
    const y = weight.matmul(x);
    await suite.device.synchronize();
    expect(await y.readFloat32()).toEqual(first);
  });
}
