/** Weights in memory to a checkpoint. */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import {
  ArgumentError,
  describeValue,
  type Int4Weight,
  requireBoolean,
  requireCallback,
  requireInt4Weight,
  requireName,
  requireOptions,
  throwIfAborted,
  weightByteLength,
} from "@w4a16/core";
import { inLayer, requirePath } from "./errors.js";
import { writeFully } from "./io/file.js";
import { replaceFile } from "./write/atomic.js";
import { fitWeight } from "./write/fit.js";
import {
  FILE_FORMAT_NAMES,
  FILE_FORMATS,
  type FileFormat,
  layoutOf,
  shapeIn,
} from "./write/formats.js";
import { requireFilePlace } from "./write/inputs.js";
import { writeItem } from "./write/item.js";
import type { CheckpointProgress } from "./write/run.js";

/** Options of `saveWeights`. */
export interface SaveOptions {
  /** The format to write. Default `"w4a16"`, which is exact. */
  readonly to?: FileFormat | undefined;
  /** Allow new codes where the format has not the weight's zeros. Default false: that is an error. */
  readonly requantize?: boolean | undefined;
  /** Called after each weight; counts in bytes of the weights. */
  readonly onProgress?: ((progress: CheckpointProgress) => void) | undefined;
  /** Ends the run between two weights, and leaves no file. */
  readonly signal?: AbortSignal | undefined;
}

/** What `saveWeights` did. */
export interface SaveReport {
  readonly output: string;
  readonly to: FileFormat;
  /** Names of the layers written. */
  readonly layers: readonly string[];
  /** Of the file written. */
  readonly outputBytes: number;
}

const OPTIONS = ["to", "requantize", "onProgress", "signal"];

/**
 * Writes weights, by the names of their layers, to one file that `openCheckpoint` reads. A file
 * that was at `output` is replaced at the end, at once: until then, and where this fails, it stays.
 *
 * @param weights must not change until the promise is settled.
 * @throws ArgumentError on a wrong weight, naming its layer, or `W4A16_LOSSY_ZERO` where the format
 * would lose real-valued zeros and `requantize` is not given; or a CheckpointError.
 */
export async function saveWeights(
  output: string,
  weights: Readonly<Record<string, Int4Weight>> | ReadonlyMap<string, Int4Weight>,
  options: SaveOptions = {},
): Promise<SaveReport> {
  requirePath("output", output);
  requireOptions("options", options, OPTIONS);
  const to = requireName("to", options.to ?? "w4a16", FILE_FORMAT_NAMES);
  const requantize = requireBoolean("requantize", options.requantize ?? false);
  requireCallback("onProgress", options.onProgress);
  throwIfAborted("saveWeights", options.signal);
  const entries = requireWeights(weights);
  await requireFilePlace(output);
  const format = FILE_FORMATS[to];
  const shapes = new Map(
    entries.map(([name, weight]) => [name, shapeIn(format, { ...weight, name })]),
  );
  const tensors = new Map([...shapes].map(([name, shape]) => [name, format.specs(name, shape)]));
  const layout = layoutOf(format, [...tensors.values()].flat(), shapes);
  const total = entries.reduce((sum, [, weight]) => sum + weightByteLength(weight), 0);
  let done = 0;
  await replaceFile(resolve(output), async (file) => {
    await writeFully(file, layout.header, 0);
    // Bytes between tensors, and after them, are zero.
    await file.truncate(layout.size);
    for (const [name, weight] of entries) {
      throwIfAborted("saveWeights", options.signal);
      const fitted = fitWeight(name, weight, format.requirements, requantize);
      const bytes = inLayer(name, () => format.bytes(fitted));
      await writeItem(file, layout, tensors.get(name)!, bytes);
      done += weightByteLength(weight);
      options.onProgress?.({ done, total, name });
    }
  });
  return { output, to, layers: [...shapes.keys()], outputBytes: (await stat(output)).size };
}

function requireWeights(weights: unknown): Array<[string, Int4Weight]> {
  const entries = weights instanceof Map ? [...weights] : Object.entries(weights ?? {});
  if (entries.length === 0 || ArrayBuffer.isView(weights) || Array.isArray(weights)) {
    throw new ArgumentError({
      code: "W4A16_INVALID_TYPE",
      subject: "weights",
      expected: "an object or a Map of at least one Int4Weight by its layer's name",
      received: describeValue(weights),
      fix: 'Pass { "LAYER": weight }, with what quantizeHqq or loadLinear gave.',
    });
  }
  return entries.map(([name, weight]) => [
    requireLayerName(name),
    inLayer(name, () => requireInt4Weight(weight)),
  ]);
}

function requireLayerName(name: unknown): string {
  if (typeof name === "string" && name !== "") return name;
  throw new ArgumentError({
    code: "W4A16_INVALID_VALUE",
    subject: "weights",
    expected: "layers' names as its keys",
    received: describeValue(name),
    fix: "Name each layer as its model does, such as model.layers.0.mlp.up_proj.",
  });
}
