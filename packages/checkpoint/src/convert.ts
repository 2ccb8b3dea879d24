/** A quantized checkpoint from one format to another. */
import { stat } from "node:fs/promises";
import { requireBoolean, requireName, requireOptions } from "@w4a16/core";
import { openCheckpoint } from "./checkpoint.js";
import { CheckpointError } from "./errors.js";
import type { LinearLayer } from "./linear/types.js";
import { writeOnnxFolder } from "./onnx/folder.js";
import type { TensorStore } from "./store.js";
import { fingerprint, requireOutput } from "./write/inputs.js";
import {
  copyItem,
  FILE_FORMATS,
  type FileFormat,
  layerItem,
  layoutOf,
  shapeIn,
  splitHeld,
  totalBytes,
} from "./write/output.js";
import { type WriteItem, writeResumable } from "./write/resumable.js";
import { requireRun } from "./write/run.js";
import { matcher } from "./write/select.js";

/** What `convert` writes: one file, or for ONNX a folder with a model for each layer. */
export type OutputFormatName = FileFormat | "onnx";
export const OUTPUT_FORMATS: readonly OutputFormatName[] = [
  ...(Object.keys(FILE_FORMATS) as FileFormat[]),
  "onnx",
];

export interface ConvertOptions {
  readonly to: OutputFormatName;
  /** Globs of layer names. Default: all quantized layers. */
  readonly include?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  /** Allow new codes where the format has not the weight's zeros. Default false: that is an error. */
  readonly requantize?: boolean | undefined;
  readonly onProgress?:
    | ((progress: { done: number; total: number; name: string }) => void)
    | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ConvertReport {
  readonly input: string;
  readonly output: string;
  readonly to: OutputFormatName;
  readonly layers: readonly string[];
  readonly copied: number;
  readonly skipped: ReadonlyArray<{ readonly name: string; readonly reason: string }>;
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly resumed: number;
}

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
  const quantized = [...checkpoint.layers.values()].filter(({ format }) => format !== "float");
  const layers = chooseLayers(quantized, options, input);
  const head = { input, output, to, layers: layers.map(({ name }) => name) };
  const others = otherTensors(store, quantized);
  const chosen = new Set(layers);
  const left = quantized
    .filter((layer) => !chosen.has(layer))
    .map(({ name }) => ({ name, reason: "not among the layers that were chosen" }));
  if (to === "onnx") {
    const total = layers.reduce((sum, { byteLength }) => sum + byteLength, 0);
    let done = 0;
    const outputBytes = await writeOnnxFolder(output, store, layers, options.signal, (layer) => {
      done += layer.byteLength;
      options.onProgress?.({ done, total, name: layer.name });
    });
    return {
      ...head,
      copied: 0,
      skipped: [
        ...left,
        ...others.map(({ name }) => ({
          name,
          reason: "a model of one product has no place for it",
        })),
      ],
      inputBytes: totalBytes(store),
      outputBytes,
      resumed: 0,
    };
  }
  await requireOutput(store, output);
  const format = FILE_FORMATS[to];
  const shapes = new Map(layers.map((layer) => [layer.name, shapeIn(format, layer)]));
  const names = new Map(layers.map((layer) => [layer.name, layer]));
  const { held, dropped } = splitHeld(format, others);
  const items: WriteItem<null>[] = [
    ...layers.map((layer) => layerItem(format, layer, shapes.get(layer.name)!, requantize)),
    ...held.map((tensor) => copyItem(store, tensor)),
  ];
  const total = totalBytes(store);
  let done = 0;
  const resumed = await writeResumable(output, {
    layout: layoutOf(format, items, shapes),
    items,
    key: await fingerprint(store, { to, requantize }),
    signal: options.signal,
    onItem: ({ name, tensors }) => {
      done += names.get(name)?.byteLength ?? store.tensors.get(tensors[0]!.name)?.byteLength ?? 0;
      options.onProgress?.({ done, total, name });
    },
  });
  return {
    ...head,
    copied: held.length,
    skipped: [...left, ...dropped],
    inputBytes: total,
    outputBytes: (await stat(output)).size,
    resumed,
  };
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

/** Every tensor that belongs to no quantized layer; those of layers left out stay out. */
function otherTensors(store: TensorStore, quantized: readonly LinearLayer[]) {
  const owned = new Set(quantized.flatMap(({ tensors }) => tensors));
  return [...store.tensors.values()].filter(({ name }) => !owned.has(name));
}
