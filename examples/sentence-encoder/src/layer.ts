/** Quantizes one layer, multiplies with it in both directions, checks and times it. */
import { relativeFrobenius } from "@w4a16/reference/metrics";
import { randomNormal, seededRandom } from "@w4a16/reference/testing";
import {
  type Device,
  type DeviceWeight,
  type Direction,
  dequantize,
  exactMatmul,
  exactMatmulTransposed,
  type Int4Weight,
  quantizeHqqAsync,
  quantizeMinMax,
  roundTo,
} from "w4a16";
import type { LinearLayer } from "./encoder.js";

/** One direction of the product on one device. */
export interface Product {
  /** Relative Frobenius error against the float64 product of the same operands. */
  readonly error: number;
  /** The largest error allowed. */
  readonly bound: number;
  /** Median time of a call, until its product is there, in microseconds. */
  readonly microseconds: number;
  /** Multiplications and additions, in 10⁹ a second. */
  readonly gflops: number;
}

/** What was found of one layer. */
export interface LayerResult {
  readonly layer: LinearLayer;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Relative Frobenius error of the dequantized weight. */
  readonly minMaxError: number;
  readonly hqqError: number;
  /** Relative Frobenius error of X·Wᵀ that quantization causes, in float64. */
  readonly outputError: number;
  readonly fused: Readonly<Record<Direction, Product>>;
  readonly unfused: Readonly<Record<Direction, Product>>;
}

export interface LayerOptions {
  readonly device: Device;
  /** The device that dequantizes first: the baseline. */
  readonly baseline: Device;
  readonly rows: number;
  readonly groupSize: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly onProgress: (fraction: number) => void;
}

/**
 * Largest relative error of a product whose output is float32, by the format in
 * which a device keeps scales and zeros: float32 leaves only the summation's
 * rounding, a 16-bit format rounds the dequantized weights once.
 */
const BOUNDS = { float32: 2e-6, float16: 1e-3, bfloat16: 6e-3 };

export async function runLayer(layer: LinearLayer, options: LayerOptions): Promise<LayerResult> {
  const { device, baseline, rows, groupSize, seed, signal, onProgress } = options;
  const shape = { outFeatures: layer.outFeatures, inFeatures: layer.inFeatures, groupSize };
  const quantized = await quantizeHqqAsync(layer.weight, {
    ...shape,
    signal,
    onProgress: ({ done, total }) => onProgress((0.8 * done) / total),
  });
  const random = seededRandom(seed);
  const x = roundTo("bfloat16", randomNormal(random, rows * layer.inFeatures));
  const dy = roundTo("bfloat16", randomNormal(random, rows * layer.outFeatures));
  const exact = {
    matmul: exactMatmul(quantized, x, rows),
    matmulTransposed: exactMatmulTransposed(quantized, dy, rows),
  };
  const products = async (on: Device) => {
    using weight = on.loadWeight(quantized);
    const run = (direction: Direction, input: Float32Array) =>
      runProduct(direction, weight, input, rows, exact[direction]);
    return { matmul: await run("matmul", x), matmulTransposed: await run("matmulTransposed", dy) };
  };
  const fused = await products(device);
  onProgress(0.9);
  const result = {
    layer,
    bytesBefore: layer.weight.byteLength,
    bytesAfter: bytesOf(quantized),
    minMaxError: weightError(layer, quantizeMinMax(layer.weight, shape)),
    hqqError: weightError(layer, quantized),
    outputError: relativeFrobenius(exact.matmul, multiplyFloat(layer, x, rows)),
    fused,
    unfused: device === baseline ? fused : await products(baseline),
  };
  onProgress(1);
  return result;
}

async function runProduct(
  direction: Direction,
  weight: DeviceWeight,
  input: Float32Array,
  rows: number,
  exact: Float64Array,
): Promise<Product> {
  const { device } = weight;
  const width = exact.length / rows;
  using x = device.tensor([rows, input.length / rows], "bfloat16", input);
  using out = device.tensor([rows, width], "float32");
  weight[direction](x, { out });
  const error = relativeFrobenius(await out.readFloat32(), exact);
  const microseconds = await medianTime(async () => {
    weight[direction](x, { out });
    await device.synchronize();
  });
  const operations = 2 * rows * weight.outFeatures * weight.inFeatures;
  return {
    error,
    bound: BOUNDS[weight.dtype],
    microseconds,
    gflops: operations / microseconds / 1e3,
  };
}

/** Median of at least 5 calls, and of as many as fit into 60 ms. */
async function medianTime(run: () => Promise<void>): Promise<number> {
  const times: number[] = [];
  const start = performance.now();
  while (times.length < 5 || performance.now() - start < 60) {
    const before = performance.now();
    await run();
    times.push((performance.now() - before) * 1e3);
  }
  return times.sort((a, b) => a - b)[times.length >> 1]!;
}

/** Bytes of the packed codes, with scales and zeros in 16 bits as checkpoints keep them. */
function bytesOf({ packed, scales, zeros }: Int4Weight): number {
  return packed.length + 2 * (scales.length + zeros.length);
}

function weightError(layer: LinearLayer, quantized: Int4Weight): number {
  return relativeFrobenius(dequantize(quantized), Float64Array.from(layer.weight));
}

/** X·Wᵀ with the unquantized weight, in float64. */
function multiplyFloat(
  { weight, outFeatures, inFeatures }: LinearLayer,
  x: Float32Array,
  rows: number,
) {
  const y = new Float64Array(rows * outFeatures);
  for (let m = 0; m < rows; m++) {
    for (let n = 0; n < outFeatures; n++) {
      let sum = 0;
      for (let k = 0; k < inFeatures; k++)
        sum += x[m * inFeatures + k]! * weight[n * inFeatures + k]!;
      y[m * outFeatures + n] = sum;
    }
  }
  return y;
}
