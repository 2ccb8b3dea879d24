/**
 * What a call from JavaScript costs on top of the kernel: the time of a product
 * so small that the kernel's share is negligible.
 */
import type { Device } from "@w4a16/core";
import { randomInt4Weight, randomNormal, seededRandom } from "@w4a16/reference/testing";
import { Blank } from "../contenders/contender.js";
import { nBitsContender } from "../contenders/onnxruntime.js";
import { asSync } from "../device-hooks.js";
import { randomInputs } from "../problem/inputs.js";
import type { SuiteContext } from "./context.js";
import type { Case } from "./small.js";

const N = 16;
const K = 32;
const CALLS = 200;
const BATCHES = 50;

export async function* callCases(context: SuiteContext): AsyncGenerator<Case> {
  const { device, settings } = context;
  const { dtype } = settings;
  const weight = randomInt4Weight(seededRandom(1), { outFeatures: N, inFeatures: K });
  const loaded = device.loadWeight(weight);
  const x = device.tensor([1, K], dtype, randomNormal(seededRandom(2), K));
  const out = device.tensor([1, N], dtype);
  const what = `M 1, N ${N}, K ${K}`;
  const each = (name: string, run: () => unknown): Case => ({
    name: `${name}, ${what}`,
    unit: "µs",
    sample: (signal) => batches(run, signal),
  });
  const sync = asSync(loaded);
  if (sync) yield each("matmulSync, done at return", () => sync.matmulSync(x, { out }));
  yield {
    name: `matmul, until the call returns, ${what}`,
    unit: "µs",
    sample: (signal) => enqueueBatches(device, () => loaded.matmul(x, { out }), signal),
  };
  yield each("matmul and wait for it", async () => {
    loaded.matmul(x, { out });
    await device.synchronize();
  });
  for (const handle of [loaded, x, out]) handle.dispose();
  if (settings.peers.includes("onnxruntime0")) yield* onnxCase(context, each);
}

/** The call alone: nothing waits for the product inside the time taken. */
async function enqueueBatches(
  device: Device,
  enqueue: () => unknown,
  signal: AbortSignal,
): Promise<number[]> {
  const samples: number[] = [];
  for (let batch = 0; batch < BATCHES && !signal.aborted; batch++) {
    const start = performance.now();
    for (let i = 0; i < CALLS; i++) enqueue();
    samples.push((1000 * (performance.now() - start)) / CALLS);
    await device.synchronize();
  }
  return samples;
}

/** The same through ONNX Runtime, where it is installed. */
async function* onnxCase(
  { settings }: SuiteContext,
  each: (name: string, run: () => unknown) => Case,
): AsyncGenerator<Case> {
  const { dtype } = settings;
  const weight = randomInt4Weight(seededRandom(1), {
    outFeatures: N,
    inFeatures: K,
    groupSize: 32,
  });
  try {
    const contender = nBitsContender("onnxruntime0", "onnxruntime-node", 0, "integer");
    const session = await contender.load({ weight, copies: 1, warm: true });
    const inputs = randomInputs(seededRandom(2), { m: 1, n: N, k: K }, "matmul", dtype);
    const product = await session.bind(inputs, 1);
    yield each("onnxruntime-node run()", () => product.run(0));
    product.dispose();
    await session.dispose();
  } catch (error) {
    if (!(error instanceof Blank)) throw error;
  }
}

/** Microseconds a call, over batches long enough for the clock. */
async function batches(run: () => unknown, signal: AbortSignal): Promise<number[]> {
  for (let i = 0; i < CALLS; i++) await run();
  const samples: number[] = [];
  for (let batch = 0; batch < BATCHES && !signal.aborted; batch++) {
    const start = performance.now();
    for (let i = 0; i < CALLS; i++) {
      const running = run();
      if (running instanceof Promise) await running;
    }
    samples.push((1000 * (performance.now() - start)) / CALLS);
  }
  return samples;
}
