/** Measures which kernel computes a product fastest on the GPU at hand. */
import {
  ArgumentError,
  allocateOrThrow,
  describeValue,
  requireCallback,
  requireOptions,
  throwIfAborted,
} from "@w4a16/core";
import type { CudaDevice } from "../device.js";
import { native } from "../failures.js";
import type { CudaGraph } from "../graph.js";
import { DATA_TYPE } from "../native.js";
import type { CudaEvent } from "../stream.js";
import type { CudaWeight } from "../weight.js";
import type { TunedKernel } from "./cache.js";
import type { KernelChoices } from "./choices.js";
import { nativeProduct, type Product, requireProducts } from "./products.js";

/** Options of `device.tune`. */
export interface TuneOptions {
  /** Ends after about so many seconds, with what was measured by then. Default 60. */
  readonly seconds?: number | undefined;
  /** Stops between two rounds of measuring; what was finished stays. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each product. */
  readonly onProgress?: ((progress: TuneProgress) => void) | undefined;
}

/** How far `device.tune` is. */
export interface TuneProgress {
  /** Products measured so far. */
  readonly done: number;
  /** Products to measure. */
  readonly total: number;
  /** Of the product measured last. */
  readonly result: TuneResult;
}

/** What was measured of one product. */
export interface TuneResult extends Product, TunedKernel {
  /** Kernels that took part. */
  readonly candidates: number;
}

/** A kernel replaces the models' choice where it is faster by more than timing varies. */
const WORTHWHILE = 0.98;
const MIN_ROUNDS = 3;
const MAX_ROUNDS = 25;
/** Written before each run, as in the benchmarks: more than any second-level cache holds. */
const FLUSHED_FLOATS = 2 ** 26;

/**
 * Measures `shapes` in bfloat16, one after the other, and makes the device use what is fastest.
 *
 * @param finished is given each product's result as soon as it is there.
 * @throws AbortedError; what was finished stays, and every other product uses the kernel it used before.
 */
export async function tuneProducts(
  device: CudaDevice,
  choices: KernelChoices,
  shapes: unknown,
  options: TuneOptions,
  finished: (result: TuneResult) => void,
): Promise<void> {
  requireOptions("options", options, ["seconds", "signal", "onProgress"]);
  const seconds = requireSeconds(options.seconds);
  requireCallback("onProgress", options.onProgress);
  throwIfAborted("tune", options.signal);
  const products = requireProducts(shapes);
  const deadline = performance.now() + 1000 * seconds;
  let weight: CudaWeight | undefined;
  try {
    for (const [i, product] of products.entries()) {
      const left = deadline - performance.now();
      if (left <= 0 && i > 0) return;
      if (!weight || !isShapeOf(weight, product)) {
        weight?.dispose();
        weight = syntheticWeight(device, product);
      }
      const budget = left / (products.length - i);
      const result = await tuneProduct(weight, choices, product, budget, options.signal);
      finished(result);
      options.onProgress?.({ done: i + 1, total: products.length, result });
    }
  } finally {
    if (!device.disposed) weight?.dispose();
  }
}

async function tuneProduct(
  weight: CudaWeight,
  choices: KernelChoices,
  product: Product,
  budgetMs: number,
  signal: AbortSignal | undefined,
): Promise<TuneResult> {
  const { device } = weight;
  const { addon, id } = device;
  const { m, n, k, direction } = product;
  const names = native("tune", () => addon.candidates(id, ...nativeProduct(product)));
  const [inputs, outputs] = direction === "matmul" ? [k, n] : [n, k];
  using x = device.tensor([m, inputs], "bfloat16");
  using out = device.tensor([m, outputs], "bfloat16");
  native("tune", () => addon.probeFill(id, x.storage.memory, DATA_TYPE.bfloat16));
  const multiply = () => void weight[direction](x, { out });
  multiply(); // A capture takes no weight that has no parameters in bfloat16 yet.
  const graphs = captureEach(device, choices, product, names, multiply);
  try {
    const medians = await measure(device, graphs, budgetMs, signal);
    const best = medians.indexOf(Math.min(...medians));
    const chosen = medians[best]! < WORTHWHILE * medians[0]! ? best : 0;
    choices.use(product, names[chosen]!);
    return {
      ...product,
      kernel: names[chosen]!,
      microseconds: medians[chosen]!,
      untuned: medians[0]!,
      candidates: names.length,
    };
  } finally {
    for (const graph of graphs) graph.dispose();
  }
}

/** A graph of the product by each of the kernels; after that it uses the one that it used before. */
function captureEach(
  device: CudaDevice,
  choices: KernelChoices,
  product: Product,
  names: readonly string[],
  multiply: () => void,
): CudaGraph[] {
  const before = choices.of(product);
  const graphs: CudaGraph[] = [];
  try {
    for (const name of names) {
      choices.use(product, name);
      graphs.push(device.capture(multiply));
    }
    return graphs;
  } catch (error) {
    for (const graph of graphs) graph.dispose();
    throw error;
  } finally {
    choices.use(product, before);
  }
}

/**
 * Medians in microseconds. The graphs take turns, each after the second-level cache was filled
 * with other data.
 */
async function measure(
  device: CudaDevice,
  graphs: readonly CudaGraph[],
  budgetMs: number,
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const events: (readonly [CudaEvent, CudaEvent])[] = graphs.map(() => [
    device.createEvent(),
    device.createEvent(),
  ]);
  const times: number[][] = graphs.map(() => []);
  const end = performance.now() + budgetMs;
  try {
    for (let round = 0; round <= MAX_ROUNDS; round++) {
      if (round > MIN_ROUNDS && performance.now() > end) break;
      for (const [i, graph] of graphs.entries()) {
        device.tensor([FLUSHED_FLOATS], "float32").dispose(); // set to zero, on the device
        events[i]![0].record();
        graph.launch();
        events[i]![1].record();
      }
      await device.synchronize();
      throwIfAborted("tune", signal);
      if (round === 0) continue; // warms up
      events.forEach(([start, stop], i) => {
        times[i]!.push(1000 * stop.millisecondsSince(start));
      });
    }
  } finally {
    for (const event of events.flat()) event.dispose();
  }
  return times.map((list) => list.sort((a, b) => a - b)[list.length >> 1]!);
}

function isShapeOf(weight: CudaWeight, { n, k, groupSize }: Product): boolean {
  return weight.outFeatures === n && weight.inFeatures === k && weight.groupSize === groupSize;
}

/** A weight of the product's shape; which codes it holds makes no difference to the time. */
function syntheticWeight(device: CudaDevice, { n, k, groupSize }: Product): CudaWeight {
  const parameters = (k / groupSize) * n;
  const weight = allocateOrThrow((n * k) / 2 + 8 * parameters, () => ({
    outFeatures: n,
    inFeatures: k,
    groupSize,
    signed: false,
    packed: new Uint8Array((n * k) / 2),
    scales: new Float32Array(parameters).fill(0.01),
    zeros: new Float32Array(parameters).fill(7.5),
  }));
  const { packed } = weight;
  for (let i = 0; i < packed.length; i++) packed[i] = (i * 2654435761) >>> 13;
  return device.loadWeight(weight);
}

function requireSeconds(seconds: unknown): number {
  if (seconds === undefined) return 60;
  if (typeof seconds === "number" && seconds > 0) return seconds;
  throw new ArgumentError({
    code: "W4A16_INVALID_VALUE",
    subject: "seconds",
    expected: "a number above 0",
    received: describeValue(seconds),
    fix: "Pass how long to measure at most, in all.",
  });
}
