/** A quantized checkpoint from one format to another. */
import { stat } from "node:fs/promises";
import { requireBoolean, requireName, requireOptions } from "@w4a16/core";
import { type Checkpoint, openCheckpoint } from "./checkpoint.js";
import { CheckpointError } from "./errors.js";
import { ownedTensors, quantizedLayers } from "./linear/layers.js";
import type { LinearLayer } from "./linear/types.js";
import { writeOnnxFolder } from "./onnx/folder.js";
import { totalBytes } from "./store.js";
import { FILE_FORMATS, type FileFormat, layoutOf, shapeIn, splitHeld } from "./write/formats.js";
import { copyItem, fingerprint, layerItem, requireOutput } from "./write/output.js";
import { type WriteItem, writeResumable } from "./write/resumable.js";
import { type CheckpointProgress, requireRun } from "./write/run.js";
import { matcher } from "./write/select.js";

/** What `convert` writes: one file, or for ONNX a folder with a model for each layer. */
export type OutputFormatName = FileFormat | "onnx";

/** All of them. */
export const OUTPUT_FORMATS: readonly OutputFormatName[] = [
  ...(Object.keys(FILE_FORMATS) as FileFormat[]),
  "onnx",
];

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
  const layers = chooseLayers(checkpoint.layers.values(), options, input);
  const written =
    to === "onnx"
      ? await writeFolder(output, layers, options)
      : await writeFile(output, checkpoint, layers, to, requantize, options);
  return {
    input,
    output,
    to,
    layers: layers.map(({ name }) => name),
    inputBytes: totalBytes(checkpoint.store),
    ...written,
  };
}

async function writeFolder(
  output: string,
  layers: readonly LinearLayer[],
  { onProgress, signal }: ConvertOptions,
): Promise<Written> {
  const total = layers.reduce((sum, { byteLength }) => sum + byteLength, 0);
  let done = 0;
  const outputBytes = await writeOnnxFolder(output, layers, signal, ({ name, byteLength }) => {
    done += byteLength;
    onProgress?.({ done, total, name });
  });
  return { copied: 0, skipped: [], outputBytes, resumed: 0 };
}

async function writeFile(
  output: string,
  { store, layers: all }: Checkpoint,
  layers: readonly LinearLayer[],
  to: FileFormat,
  requantize: boolean,
  { onProgress, signal }: ConvertOptions,
): Promise<Written> {
  await requireOutput(store, output);
  const format = FILE_FORMATS[to];
  const shapes = new Map(layers.map((layer) => [layer.name, shapeIn(format, layer)]));
  // Tensors of layers that were left out stay out too.
  const owned = ownedTensors(quantizedLayers(all.values()));
  const others = [...store.tensors.values()].filter(({ name }) => !owned.has(name));
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
  layers: Iterable<LinearLayer>,
  { include, exclude }: ConvertOptions,
  input: string,
): LinearLayer[] {
  const included = include?.length ? matcher(include) : () => true;
  const excluded = matcher(exclude ?? []);
  const chosen = quantizedLayers(layers).filter(({ name }) => included(name) && !excluded(name));
  if (chosen.length > 0) return chosen;
  throw new CheckpointError({
    code: "W4A16_NOTHING_TO_DO",
    subject: input,
    expected: "at least one quantized layer",
    received: "none",
    fix: "Quantize a float checkpoint with `w4a16 quantize`; see the layers with `w4a16 inspect`.",
  });
}
