/** Float checkpoint in, quantized checkpoint out. */
import { stat } from "node:fs/promises";
import {
  type Int4Weight,
  MAX_WORKERS,
  quantizeHqqAsync,
  quantizeMinMax,
  requireInteger,
  requireName,
  requireOptions,
} from "@w4a16/core";
import { openCheckpoint } from "./checkpoint.js";
import { CheckpointError, clip, ofLayer } from "./errors.js";
import { readFloats } from "./floats.js";
import { ownedTensors, quantizedLayers } from "./linear/layers.js";
import type { LinearLayer } from "./linear/types.js";
import { type TensorStore, totalBytes } from "./store.js";
import { type WeightError, weightError } from "./write/error.js";
import { FILE_FORMATS, layoutOf, shapeIn, splitHeld, type WeightShape } from "./write/formats.js";
import { fingerprint, requireOutput } from "./write/inputs.js";
import type { WriteItem } from "./write/item.js";
import { copyItem, layerItem } from "./write/output.js";
import { writeResumable } from "./write/resumable.js";
import { type CheckpointProgress, requireRun } from "./write/run.js";
import { selectLayers } from "./write/select.js";

/** How weights are quantized: `quantizeHqq`, or `quantizeMinMax` with its defaults. */
export type QuantizeMethod = "hqq" | "minmax";

export const METHODS: readonly QuantizeMethod[] = ["hqq", "minmax"];

/** Options of `quantizeCheckpoint`. */
export interface QuantizeCheckpointOptions {
  /** In-features to a group. Default 64. */
  readonly groupSize?: number | undefined;
  /** Default `"hqq"`. */
  readonly method?: QuantizeMethod | undefined;
  /** Globs of layer names; default all but embeddings and heads. */
  readonly include?: readonly string[] | undefined;
  /** Globs of layer names to leave in float. */
  readonly exclude?: readonly string[] | undefined;
  /** Worker threads for HQQ. Default: the machine's cores. */
  readonly workers?: number | undefined;
  /** Called as layers are quantized and tensors copied. */
  readonly onProgress?: ((progress: QuantizeProgress) => void) | undefined;
  /** Ends the run; the same call continues it. */
  readonly signal?: AbortSignal | undefined;
}

/** How far `quantizeCheckpoint` is, in bytes of the input. */
export type QuantizeProgress = CheckpointProgress;

/** A layer that was quantized, and its error. */
export interface LayerReport extends WeightError {
  readonly name: string;
  readonly outFeatures: number;
  readonly inFeatures: number;
}

/** What `quantizeCheckpoint` did. */
export interface QuantizeReport {
  readonly input: string;
  readonly output: string;
  readonly method: QuantizeMethod;
  readonly groupSize: number;
  /** Of all the input's tensors. */
  readonly inputBytes: number;
  /** Of the file written. */
  readonly outputBytes: number;
  /** The layers quantized, also those taken over from an interrupted run. */
  readonly layers: readonly LayerReport[];
  /** Layers that the input had quantized: in the output with the codes and groups they had. */
  readonly carried: readonly string[];
  /** Tensors copied as they were. */
  readonly copied: number;
  /** Layers that were asked for and cannot be quantized, and why. */
  readonly skipped: ReadonlyArray<{ readonly name: string; readonly reason: string }>;
  /** Layers and tensors taken over from an interrupted run. */
  readonly resumed: number;
  /** How long this run took. */
  readonly seconds: number;
}

/** How a layer is quantized. */
interface Settings {
  readonly groupSize: number;
  readonly method: QuantizeMethod;
  readonly workers?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Told how much of a layer's input is quantized, in bytes. */
type PartProgress = (name: string, part: number) => void;

const FORMAT = FILE_FORMATS.w4a16;
const ACT_ORDER = "Quantize the float model instead: our format does not keep such an order.";
const OPTIONS = ["groupSize", "method", "include", "exclude", "workers", "onProgress", "signal"];

/**
 * Quantizes the linear layers of `input` into `output`, in our own format, one
 * layer at a time. Layers that are quantized already, in whatever format, keep
 * their codes and groups, so that a model can be quantized in steps; all other
 * tensors are copied.
 *
 * @throws CheckpointError, or an ArgumentError on a wrong option or a weight that is not finite.
 */
export async function quantizeCheckpoint(
  input: string,
  output: string,
  options: QuantizeCheckpointOptions = {},
): Promise<QuantizeReport> {
  requireOptions("options", options, OPTIONS);
  const groupSize = requireInteger("groupSize", options.groupSize ?? 64, 1);
  const method = requireName("method", options.method ?? "hqq", METHODS);
  const { include, exclude, workers, onProgress, signal } = options;
  if (workers !== undefined) requireInteger("workers", workers, 1, MAX_WORKERS);
  requireRun(input, output, options);
  const started = performance.now();
  await using checkpoint = await openCheckpoint(input);
  const { store, layers } = checkpoint;
  await requireOutput(store, output);
  const { chosen, skipped } = selectLayers(layers.values(), { groupSize, include, exclude });
  if (chosen.length === 0) throw nothingToDo(input, skipped);

  const carried = quantizedLayers(layers.values());
  const taken = ownedTensors([...carried, ...chosen]);
  const others = [...store.tensors.values()].filter(({ name }) => !taken.has(name));
  const { held, dropped } = splitHeld(FORMAT, others);
  const shapes = shapesOf(carried, chosen, groupSize);
  const total = totalBytes(store);
  let done = 0;
  const tell: PartProgress = (name, part) => onProgress?.({ done: done + part, total, name });
  const settings = { groupSize, method, workers, signal };
  const items: WriteItem<WeightError | null>[] = [
    // First, because one that cannot be carried over must not show after hours of work.
    ...carried.map((layer) => layerItem(FORMAT, layer, shapes.get(layer.name)!, false, ACT_ORDER)),
    ...chosen.map((layer) => quantizeItem(store, layer, shapes.get(layer.name)!, settings, tell)),
    ...held.map((tensor) => copyItem(store, tensor)),
  ];
  const tensors = items.flatMap((item) => item.tensors);
  const errors = new Map<string, WeightError>();
  const resumed = await writeResumable(output, {
    layout: layoutOf(FORMAT, tensors, shapes),
    items,
    key: await fingerprint(store, { groupSize, method }),
    signal,
    onItem: ({ name, inputBytes }, error) => {
      if (error) errors.set(name, error);
      done += inputBytes;
      tell(name, 0);
    },
  });
  return {
    input,
    output,
    method,
    groupSize,
    inputBytes: total,
    outputBytes: (await stat(output)).size,
    layers: chosen.map(({ name, outFeatures, inFeatures }) => {
      return { name, outFeatures, inFeatures, ...errors.get(name)! };
    }),
    carried: carried.map(({ name }) => name),
    copied: held.length,
    skipped: [...skipped, ...dropped],
    resumed,
    seconds: (performance.now() - started) / 1e3,
  };
}

/** The shapes of the output's layers, by name: as they were, or as they will be quantized. */
function shapesOf(
  carried: readonly LinearLayer[],
  chosen: readonly LinearLayer[],
  groupSize: number,
): Map<string, WeightShape> {
  const shapes = new Map(carried.map((layer) => [layer.name, shapeIn(FORMAT, layer)]));
  for (const { name, outFeatures, inFeatures } of chosen) {
    shapes.set(name, { outFeatures, inFeatures, groupSize, signed: false });
  }
  return shapes;
}

/** A float layer that is quantized on its way to the output; its note is its error. */
function quantizeItem(
  store: TensorStore,
  layer: LinearLayer,
  shape: WeightShape,
  settings: Settings,
  tell: PartProgress,
): WriteItem<WeightError> {
  return {
    name: layer.name,
    inputBytes: layer.byteLength,
    tensors: FORMAT.specs(layer.name, shape),
    produce: async () => {
      const values = await readFloats(store, layer.tensors[0]!);
      const weight = await quantizeWeight(layer, values, settings, tell);
      return { bytes: FORMAT.bytes(weight), note: weightError(weight, values) };
    },
  };
}

/** Quantizes one layer; an error about its values says which layer it is. */
async function quantizeWeight(
  { name, outFeatures, inFeatures, byteLength }: LinearLayer,
  values: Float32Array,
  { groupSize, method, workers, signal }: Settings,
  tell: PartProgress,
): Promise<Int4Weight> {
  const shape = { outFeatures, inFeatures, groupSize };
  try {
    if (method === "minmax") return quantizeMinMax(values, shape);
    return await quantizeHqqAsync(values, {
      ...shape,
      workers,
      signal,
      onProgress: ({ done, total }) => tell(name, (byteLength * done) / total),
    });
  } catch (error) {
    throw ofLayer(name, error);
  }
}

function nothingToDo(
  input: string,
  skipped: ReadonlyArray<{ name: string; reason: string }>,
): CheckpointError {
  return new CheckpointError({
    code: "W4A16_NOTHING_TO_DO",
    subject: input,
    expected: "at least one float matrix to quantize",
    received: skipped[0] ? `none: ${clip(skipped[0].name)}: ${skipped[0].reason}` : "none",
    fix: "Choose another --group-size or --include, or look at `w4a16 inspect`.",
  });
}
