/** Float checkpoint in, quantized checkpoint out. */
import { stat } from "node:fs/promises";
import {
  ArgumentError,
  type Int4Weight,
  MAX_WORKERS,
  quantizeHqqAsync,
  quantizeMinMax,
  requireInteger,
  requireName,
  requireOptions,
} from "@w4a16/core";
import { openCheckpoint } from "./checkpoint.js";
import { CheckpointError, clip, inLayer } from "./errors.js";
import { readFloats } from "./floats.js";
import type { LinearLayer } from "./linear/types.js";
import { type WeightError, weightError } from "./write/error.js";
import { fingerprint, requireOutput } from "./write/inputs.js";
import {
  copyItem,
  FILE_FORMATS,
  layerItem,
  layoutOf,
  shapeIn,
  splitHeld,
  totalBytes,
  type WeightShape,
} from "./write/output.js";
import { type WriteItem, writeResumable } from "./write/resumable.js";
import { requireRun } from "./write/run.js";
import { selectLayers } from "./write/select.js";

export type QuantizeMethod = "hqq" | "minmax";
export const METHODS: readonly QuantizeMethod[] = ["hqq", "minmax"];

export interface QuantizeCheckpointOptions {
  /** In-features to a group. Default 64. */
  readonly groupSize?: number | undefined;
  /** Default `"hqq"`. */
  readonly method?: QuantizeMethod | undefined;
  /** Globs of layer names; default all but embeddings and heads. */
  readonly include?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  /** Worker threads for HQQ. Default: the machine's cores. */
  readonly workers?: number | undefined;
  readonly onProgress?: ((progress: QuantizeProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface QuantizeProgress {
  /** Bytes of the input that are dealt with. */
  readonly done: number;
  readonly total: number;
  /** The layer or tensor at hand. */
  readonly name: string;
}

export interface LayerReport extends WeightError {
  readonly name: string;
  readonly outFeatures: number;
  readonly inFeatures: number;
}

export interface QuantizeReport {
  readonly input: string;
  readonly output: string;
  readonly method: QuantizeMethod;
  readonly groupSize: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly layers: readonly LayerReport[];
  /** Layers that the input had quantized: in the output with the codes and groups they had. */
  readonly carried: readonly string[];
  /** Tensors copied as they were. */
  readonly copied: number;
  readonly skipped: ReadonlyArray<{ readonly name: string; readonly reason: string }>;
  /** Layers and tensors taken over from an interrupted run. */
  readonly resumed: number;
  readonly seconds: number;
}

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
  if (options.workers !== undefined) requireInteger("workers", options.workers, 1, MAX_WORKERS);
  requireRun(input, output, options);
  const started = performance.now();
  await using checkpoint = await openCheckpoint(input);
  const { store, layers } = checkpoint;
  await requireOutput(store, output);
  const { chosen, skipped } = selectLayers(layers.values(), { ...options, groupSize });
  if (chosen.length === 0) throw nothingToDo(input, skipped);

  const format = FILE_FORMATS.w4a16;
  const carried = [...layers.values()].filter((layer) => layer.format !== "float");
  const shapes = new Map<string, WeightShape>([
    ...carried.map((layer) => [layer.name, shapeIn(format, layer)] as const),
    ...chosen.map(
      ({ name, outFeatures, inFeatures }) =>
        [name, { outFeatures, inFeatures, groupSize, signed: false }] as const,
    ),
  ]);
  const taken = new Set([...carried, ...chosen].flatMap(({ tensors }) => tensors));
  const copied = [...store.tensors.values()].filter(({ name }) => !taken.has(name));
  const { held, dropped } = splitHeld(format, copied);
  const items: WriteItem<WeightError | null>[] = [
    // First, because one that cannot be carried over must not show after hours of work.
    ...carried.map((layer) => layerItem(format, layer, shapes.get(layer.name)!, false, ACT_ORDER)),
    ...chosen.map((layer) => quantizeItem(layer, shapes.get(layer.name)!)),
    ...held.map((tensor) => copyItem(store, tensor)),
  ];

  function quantizeItem(layer: LinearLayer, shape: WeightShape): WriteItem<WeightError> {
    return {
      name: layer.name,
      tensors: format.specs(layer.name, shape),
      produce: async () => {
        const values = await readFloats(store, layer.tensors[0]!);
        const weight = await quantizeWeight(layer, values, groupSize, method, options, report);
        const note = weightError(weight, values);
        return { bytes: format.bytes(weight), note };
      },
    };
  }

  const total = totalBytes(store);
  let done = 0;
  const report = (name: string, part: number) =>
    options.onProgress?.({ done: done + part, total, name });
  const reports: LayerReport[] = [];
  const byName = new Map([...carried, ...chosen].map((layer) => [layer.name, layer]));
  const resumed = await writeResumable(output, {
    layout: layoutOf(format, items, shapes),
    items,
    key: await fingerprint(store, { groupSize, method }),
    signal: options.signal,
    onItem: (item, note) => {
      const layer = byName.get(item.name);
      if (layer && note) {
        const { name, outFeatures, inFeatures } = layer;
        reports.push({ name, outFeatures, inFeatures, ...note });
      }
      done += layer?.byteLength ?? store.tensors.get(item.tensors[0]!.name)!.byteLength;
      report(item.name, 0);
    },
  });
  return {
    input,
    output,
    method,
    groupSize,
    inputBytes: total,
    outputBytes: (await stat(output)).size,
    layers: reports,
    carried: carried.map(({ name }) => name),
    copied: held.length,
    skipped: [...skipped, ...dropped],
    resumed,
    seconds: (performance.now() - started) / 1e3,
  };
}

/** Quantizes one layer; an error about its values says which layer it is. */
async function quantizeWeight(
  { name, outFeatures, inFeatures, byteLength }: LinearLayer,
  values: Float32Array,
  groupSize: number,
  method: QuantizeMethod,
  { workers, signal }: QuantizeCheckpointOptions,
  report: (name: string, part: number) => void,
): Promise<Int4Weight> {
  const shape = { outFeatures, inFeatures, groupSize };
  try {
    if (method === "minmax") return quantizeMinMax(values, shape);
    return await quantizeHqqAsync(values, {
      ...shape,
      workers,
      signal,
      onProgress: ({ done, total }) => report(name, (byteLength * done) / total),
    });
  } catch (error) {
    throw error instanceof ArgumentError ? inLayer(name, error) : error;
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
