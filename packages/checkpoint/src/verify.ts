/** Compares a checkpoint with the one it was made from. */
import {
  ArgumentError,
  dequantize,
  describeValue,
  requireCallback,
  requireOptions,
  throwIfAborted,
} from "@w4a16/core";
import { type Checkpoint, openCheckpoint } from "./checkpoint.js";
import { requirePath } from "./errors.js";
import { readFloats } from "./floats.js";
import { layerName, ownedTensors, quantizedLayers } from "./linear/layers.js";
import type { LinearLayer } from "./linear/types.js";
import { weightError } from "./write/error.js";
import type { CheckpointProgress } from "./write/run.js";

/** Options of `verifyCheckpoint`. */
export interface VerifyOptions {
  /** The checkpoint to compare with. */
  readonly against: string;
  /** Largest relative error (Frobenius) of a layer. Default 0.2. */
  readonly maxError?: number | undefined;
  /** Called after each layer. */
  readonly onProgress?: ((progress: CheckpointProgress) => void) | undefined;
  /** Stops between two layers or tensors. */
  readonly signal?: AbortSignal | undefined;
}

/** A layer of either checkpoint, compared. */
export interface LayerCheck {
  readonly name: string;
  /** ‖W − W₀‖ / ‖W₀‖; absent where there is nothing to compare. */
  readonly relative?: number | undefined;
  /** The largest |W − W₀|. */
  readonly largest?: number | undefined;
  /** Why it fails; absent if it does not. */
  readonly problem?: string | undefined;
}

/** What `verifyCheckpoint` found. */
export interface VerifyReport {
  readonly file: string;
  readonly against: string;
  /** The limit that the layers were held to. */
  readonly maxError: number;
  /** Every layer that is quantized in `file`, or in `against`. */
  readonly layers: readonly LayerCheck[];
  /** Tensors that are the same, byte for byte. */
  readonly identical: number;
  /** Other tensors that differ, or are in one of the two only. */
  readonly problems: ReadonlyArray<{ readonly name: string; readonly problem: string }>;
  /** Whether there is no problem anywhere. */
  readonly ok: boolean;
}

const MISSING = "missing: the original has it";

/**
 * Dequantizes every quantized layer of `file` and compares it with the original's,
 * float or quantized; none that the original has quantized may be missing, and all other
 * tensors must be the same bytes.
 *
 * @throws CheckpointError if either cannot be read, AbortedError, or an ArgumentError on a
 * wrong option; differences are in the report.
 */
export async function verifyCheckpoint(
  file: string,
  options: VerifyOptions,
): Promise<VerifyReport> {
  requireOptions("options", options, ["against", "maxError", "onProgress", "signal"]);
  const { against, onProgress, signal } = options;
  requirePath("file", file);
  requirePath("against", against);
  const maxError = requireMaxError(options.maxError ?? 0.2);
  requireCallback("onProgress", onProgress);
  throwIfAborted("verify", signal);
  await using checked = await openCheckpoint(file);
  await using original = await openCheckpoint(against);
  const quantized = quantizedLayers(checked.layers.values());
  const layers: LayerCheck[] = [];
  for (const layer of quantized) {
    throwIfAborted("verify", signal);
    layers.push(await checkLayer(layer, original, maxError));
    onProgress?.({ done: layers.length, total: quantized.length, name: layer.name });
  }
  const found = new Set(quantized.map(({ name }) => name));
  for (const { name } of quantizedLayers(original.layers.values())) {
    if (!found.has(name)) layers.push({ name, problem: MISSING });
  }
  const { identical, problems } = await checkOthers(checked, original, signal);
  const ok = problems.length === 0 && layers.every(({ problem }) => problem === undefined);
  return { file, against, maxError, layers, identical, problems, ok };
}

function requireMaxError(value: unknown): number {
  if (typeof value === "number" && value >= 0) return value;
  throw new ArgumentError({
    code: "W4A16_INVALID_VALUE",
    subject: "maxError",
    expected: "a number of at least 0",
    received: describeValue(value),
    fix: "Omit it for 0.2.",
  });
}

async function checkLayer(
  layer: LinearLayer,
  original: Checkpoint,
  maxError: number,
): Promise<LayerCheck> {
  const { name } = layer;
  const source = original.layers.get(name);
  if (!source) return { name, problem: "not in the original" };
  if (source.outFeatures !== layer.outFeatures || source.inFeatures !== layer.inFeatures) {
    const [theirs, ours] = [source, layer].map((l) => `[${l.outFeatures}, ${l.inFeatures}]`);
    return { name, problem: `shape ${ours}, the original's is ${theirs}` };
  }
  const { weight, order } = await layer.load();
  const values = await originalValues(source, original);
  // An act-order layer has its in-features in an order of its own.
  const { relative, largest } = weightError(weight, order ? gather(values, order) : values);
  if (relative <= maxError) return { name, relative, largest };
  return { name, relative, largest, problem: `relative error above ${maxError}` };
}

/** The original's values [N, K], its in-features in the order of the activations. */
async function originalValues(source: LinearLayer, { store }: Checkpoint): Promise<Float32Array> {
  if (source.format === "float") return readFloats(store, source.tensors[0]!);
  const { weight, order } = await source.load();
  const values = dequantize(weight);
  if (!order) return values;
  const inverse = new Uint32Array(order.length);
  for (const [i, k] of order.entries()) inverse[k] = i;
  return gather(values, inverse);
}

/** Rows of as many values as `order` has: value i of each becomes value order[i]. */
function gather(values: Float32Array, order: Uint32Array): Float32Array {
  const k = order.length;
  return values.map((_, i) => values[i - (i % k) + order[i % k]!]!);
}

/** Tensors that no quantized layer of either side owns. */
async function checkOthers(
  checked: Checkpoint,
  original: Checkpoint,
  signal: AbortSignal | undefined,
) {
  const quantized = quantizedLayers(checked.layers.values());
  const owned = ownedTensors(quantized);
  const sources = ownedTensors(quantizedLayers(original.layers.values()));
  const made = new Set(quantized.map(({ name }) => name));
  const problems: Array<{ name: string; problem: string }> = [];
  let identical = 0;
  for (const [name, info] of checked.store.tensors) {
    if (owned.has(name)) continue;
    throwIfAborted("verify", signal);
    const other = original.store.tensors.get(name);
    if (!other) problems.push({ name, problem: "not in the original" });
    else if (info.dtype !== other.dtype || `${info.shape}` !== `${other.shape}`) {
      problems.push({ name, problem: "another dtype or shape than the original" });
    } else {
      const [a, b] = await Promise.all([checked.store.read(name), original.store.read(name)]);
      if (Buffer.compare(a, b) === 0) identical++;
      else problems.push({ name, problem: "other bytes than the original" });
    }
  }
  for (const name of original.store.tensors.keys()) {
    if (checked.store.tensors.has(name) || sources.has(name)) continue;
    if (!made.has(layerName(name)) && !made.has(name)) {
      problems.push({ name, problem: MISSING });
    }
  }
  return { identical, problems };
}
