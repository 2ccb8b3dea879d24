/** A quantized checkpoint from one format to another. */
import { stat } from "node:fs/promises";
import { requireBoolean, requireName, requireOptions } from "@w4a16/core";
import { openCheckpoint } from "./checkpoint.js";
import { CheckpointError } from "./errors.js";
import { ownedTensors, quantizedLayers } from "./linear/layers.js";
import type { LinearLayer } from "./linear/types.js";
import { writeOnnxFolder } from "./onnx/folder.js";
import { type TensorInfo, type TensorStore, totalBytes } from "./store.js";
import {
  FILE_FORMAT_NAMES,
  FILE_FORMATS,
  type FileFormat,
  layoutOf,
  shapeIn,
  splitHeld,
} from "./write/formats.js";
import { fingerprint, requireOutput } from "./write/inputs.js";
import type { WriteItem } from "./write/item.js";
import { copyItem, layerItem } from "./write/output.js";
import { writeResumable } from "./write/resumable.js";
import { type CheckpointProgress, requireRun } from "./write/run.js";
import { matcher } from "./write/select.js";

/** What `convert` writes: one file, or for ONNX a folder with a model for each layer. */
export type OutputFormatName = FileFormat | "onnx";

/** All of them. */
export const OUTPUT_FORMATS: readonly OutputFormatName[] = [...FILE_FORMAT_NAMES, "onnx"];

/** Options of `convertCheckpoint`. */
export interface ConvertOptions {
  /** The format to write. */
  readonly to: OutputFormatName;
  /** Globs of layer names. Default: all quantized layers. */
  readonly include?: readonly string[] | undefined;
  /** Globs of layer names to leave out. */
  readonly exclude?: readonly string[] | undefined;
  /** Allow new codes where the format has not the weight's zeros. Default false: that is an error. */
  readonly requantize?: boolean | undefined;
  /** Called after each layer or tensor. */
  readonly onProgress?: ((progress: CheckpointProgress) => void) | undefined;
  /** Ends the run between two layers or tensors; the same call continues it. */
  readonly signal?: AbortSignal | undefined;
}

/** What `convertCheckpoint` did. */
export interface ConvertReport {
  readonly input: string;
  readonly output: string;
  readonly to: OutputFormatName;
  /** Names of the layers converted. */
  readonly layers: readonly string[];
  /** Tensors copied as they were. */
  readonly copied: number;
  /** Tensors that the format cannot hold, and why. */
  readonly skipped: ReadonlyArray<{ readonly name: string; readonly reason: string }>;
  /** Of all the input's tensors. */
  readonly inputBytes: number;
  /** Of the file written, or of all files of a folder. */
  readonly outputBytes: number;
  /** Layers and tensors taken over from an interrupted run. */
  readonly resumed: number;
}

/** The part of a report that the kind of output decides. */
type Written = Pick<ConvertReport, "copied" | "skipped" | "outputBytes" | "resumed">;

const OPTIONS = ["to", "include", "exclude", "requantize", "onProgress", "signal"];

/**
 * Converts the quantized layers of `input`; other tensors are copied where the
 * format can hold them.
 *
 * @throws ArgumentError `W4A16_LOSSY_ZERO` where the format would lose real-valued
 * zeros and `requantize` is not given, `W4A16_INVALID_VALUE` where its parameters
 * cannot hold the weight's, or a CheckpointError.
 */
export async function convertCheckpoint(
  input: string,
  output: string,
  options: ConvertOptions,
): Promise<ConvertReport> {
  requireOptions("options", options, OPTIONS);
  const to = requireName("to", options.to, OUTPUT_FORMATS);
  const requantize = requireBoolean("requantize", options.requantize ?? false);
  requireRun(input, output, options);
  await using checkpoint = await openCheckpoint(input);
  const { store } = checkpoint;
  const quantized = quantizedLayers(checkpoint.layers.values());
  const layers = chooseLayers(quantized, options, input);
  const owned = ownedTensors(quantized);
  const others = [...store.tensors.values()].filter(({ name }) => !owned.has(name));
  const written =
    to === "onnx"
      ? await writeFolder(output, store, layers, others, options)
      : await writeFile(output, store, layers, others, to, requantize, options);
  return {
    input,
    output,
    to,
    layers: layers.map(({ name }) => name),
    inputBytes: totalBytes(store),
    ...written,
    skipped: [...leftOut(quantized, layers), ...written.skipped],
  };
}

/** The layers that were not chosen: they, and their tensors, stay out. */
function leftOut(quantized: readonly LinearLayer[], chosen: readonly LinearLayer[]) {
  const all = new Set(chosen);
  return quantized
    .filter((layer) => !all.has(layer))
    .map(({ name }) => ({ name, reason: "not among the layers that were chosen" }));
}

async function writeFolder(
  output: string,
  store: TensorStore,
  layers: readonly LinearLayer[],
  others: readonly TensorInfo[],
  { onProgress, signal }: ConvertOptions,
): Promise<Written> {
  const total = layers.reduce((sum, { byteLength }) => sum + byteLength, 0);
  let done = 0;
  const outputBytes = await writeOnnxFolder(output, store, layers, signal, (layer) => {
    done += layer.byteLength;
    onProgress?.({ done, total, name: layer.name });
  });
  const reason = "a model of one product has no place for it";
  return {
    copied: 0,
    skipped: others.map(({ name }) => ({ name, reason })),
    outputBytes,
    resumed: 0,
  };
}

async function writeFile(
  output: string,
  store: TensorStore,
  layers: readonly LinearLayer[],
  others: readonly TensorInfo[],
  to: FileFormat,
  requantize: boolean,
  { onProgress, signal }: ConvertOptions,
): Promise<Written> {
  await requireOutput(store, output);
  const format = FILE_FORMATS[to];
  const shapes = new Map(layers.map((layer) => [layer.name, shapeIn(format, layer)]));
  const { held, dropped } = splitHeld(format, others);
  const items: WriteItem<null>[] = [
    ...layers.map((layer) => layerItem(format, layer, shapes.get(layer.name)!, requantize)),
    ...held.map((tensor) => copyItem(store, tensor)),
  ];
  const tensors = items.flatMap((item) => item.tensors);
  const total = totalBytes(store);
  let done = 0;
  const resumed = await writeResumable(output, {
    layout: layoutOf(format, tensors, shapes),
    items,
    key: await fingerprint(store, { to, requantize }),
    signal,
    onItem: ({ name, inputBytes }) => {
      done += inputBytes;
      onProgress?.({ done, total, name });
    },
  });
  const { size } = await stat(output);
  return { copied: held.length, skipped: dropped, outputBytes: size, resumed };
}

function chooseLayers(
  quantized: readonly LinearLayer[],
  { include, exclude }: ConvertOptions,
  input: string,
): LinearLayer[] {
  const included = include?.length ? matcher(include) : () => true;
  const excluded = matcher(exclude ?? []);
  const chosen = quantized.filter(({ name }) => included(name) && !excluded(name));
  if (chosen.length > 0) return chosen;
  throw new CheckpointError({
    code: "W4A16_NOTHING_TO_DO",
    subject: input,
    expected: "at least one quantized layer",
    received: quantized.length > 0 ? `${quantized.length}, and all of them left out` : "none",
    fix:
      quantized.length > 0
        ? "Choose others with --include and --exclude; see the layers with `w4a16 inspect`."
        : "Quantize a float checkpoint with `w4a16 quantize`; see the layers with `w4a16 inspect`.",
  });
}
