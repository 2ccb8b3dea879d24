/** A quantized checkpoint from one format to another. */
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { requireBoolean, requireOptions, throwIfAborted } from "@w4a16/core";
import { openCheckpoint } from "./checkpoint.js";
import { CheckpointError, clip, fileError, requireName } from "./errors.js";
import type { LinearLayer, LoadedLinear } from "./linear/types.js";
import { encodeOnnx } from "./onnx/model.js";
import type { TensorStore } from "./store.js";
import { writeAtomic } from "./write/atomic.js";
import { splitGroups } from "./write/fit.js";
import {
  copyItem,
  encodeWeight,
  FILE_FORMATS,
  type FileFormat,
  fingerprint,
  requireOutput,
  totalBytes,
  type WeightShape,
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
 * zeros and `requantize` is not given, or a CheckpointError.
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
  const layers = chooseLayers(checkpoint.layers.values(), options, input);
  if (to === "onnx") return await convertToOnnx(store, layers, output, options);
  await requireOutput(store, output);
  const format = FILE_FORMATS[to];
  const { groupSize } = format.requirements;
  const shapes = new Map(layers.map((layer) => [layer.name, shapeOf(layer, groupSize)]));
  const names = new Map(layers.map((layer) => [layer.name, layer]));
  const others = otherTensors(store, layers, checkpoint.layers);
  const held = others.filter(({ dtype }) => format.holds(dtype));
  const items: WriteItem<null>[] = [
    ...layers.map((layer) => ({
      name: layer.name,
      tensors: format.specs(layer.name, shapes.get(layer.name)!),
      produce: async () => {
        const weight = requireOrder(layer, await layer.load());
        return {
          bytes: encodeWeight(to, layer.name, weight, requantize),
          note: null,
        };
      },
    })),
    ...held.map((tensor) => copyItem(store, tensor)),
  ];
  const total = totalBytes(store);
  let done = 0;
  const resumed = await writeResumable(output, {
    layout: format.layout(
      items.flatMap(({ tensors }) => [...tensors]),
      shapes,
    ),
    items,
    key: await fingerprint(store, { to, requantize }),
    signal: options.signal,
    onItem: ({ name, tensors }) => {
      done += names.get(name)?.byteLength ?? store.tensors.get(tensors[0]!.name)?.byteLength ?? 0;
      options.onProgress?.({ done, total, name });
    },
  });
  return {
    input,
    output,
    to,
    layers: layers.map(({ name }) => name),
    copied: held.length,
    skipped: others
      .filter((tensor) => !held.includes(tensor))
      .map(({ name, dtype }) => ({ name, reason: `${dtype} has no place in ${to}` })),
    inputBytes: total,
    outputBytes: (await stat(output)).size,
    resumed,
  };
}

/** One model for each layer, `LAYER.onnx` in the folder `output`. */
async function convertToOnnx(
  store: TensorStore,
  layers: readonly LinearLayer[],
  output: string,
  { onProgress, signal }: ConvertOptions,
): Promise<ConvertReport> {
  const total = layers.reduce((sum, { byteLength }) => sum + byteLength, 0);
  let done = 0;
  let outputBytes = 0;
  try {
    await mkdir(output, { recursive: true });
  } catch (cause) {
    throw fileError(output, cause, "write");
  }
  const names = fileNames(layers);
  for (const layer of layers) {
    throwIfAborted("convert", signal);
    const weight = requireOrder(layer, await layer.load());
    const bytes = encodeOnnx(layer.name, weight);
    await writeAtomic(join(output, names.get(layer)!), bytes);
    outputBytes += bytes.length;
    done += layer.byteLength;
    onProgress?.({ done, total, name: layer.name });
  }
  return {
    input: store.path,
    output,
    to: "onnx",
    layers: layers.map(({ name }) => name),
    copied: 0,
    skipped: [],
    inputBytes: totalBytes(store),
    outputBytes,
    resumed: 0,
  };
}

/** Layers' names as plain file names, whatever the checkpoint calls them, no two the same. */
function fileNames(layers: readonly LinearLayer[]): Map<LinearLayer, string> {
  const taken = new Set<string>();
  return new Map(
    layers.map((layer) => {
      const plain = layer.name
        .replace(/[^\p{L}\p{N}._-]/gu, "_")
        .replace(/^\.+/, "_")
        .slice(0, 200);
      let name = plain || "_";
      // Compared without case: some file systems do not tell a from A.
      for (let i = 2; taken.has(name.toLowerCase()); i++) name = `${plain}-${i}`;
      taken.add(name.toLowerCase());
      return [layer, `${name}.onnx`];
    }),
  );
}

function chooseLayers(
  layers: Iterable<LinearLayer>,
  { include, exclude }: ConvertOptions,
  input: string,
): LinearLayer[] {
  const included = include?.length ? matcher(include) : () => true;
  const excluded = matcher(exclude ?? []);
  const chosen = [...layers].filter(
    ({ name, format }) => format !== "float" && included(name) && !excluded(name),
  );
  if (chosen.length > 0) return chosen;
  throw new CheckpointError({
    code: "W4A16_NOTHING_TO_DO",
    subject: input,
    expected: "at least one quantized layer",
    received: "none",
    fix: "Quantize a float checkpoint with `w4a16 quantize`; see the layers with `w4a16 inspect`.",
  });
}

/** Every tensor that belongs to no quantized layer; those of layers left out stay out. */
function otherTensors(
  store: TensorStore,
  chosen: readonly LinearLayer[],
  all: ReadonlyMap<string, LinearLayer>,
) {
  const owned = new Set(
    [...all.values()].filter(({ format }) => format !== "float").flatMap(({ tensors }) => tensors),
  );
  for (const { tensors } of chosen) for (const name of tensors) owned.add(name);
  return [...store.tensors.values()].filter(({ name }) => !owned.has(name));
}

function shapeOf(layer: LinearLayer, groupSize: number | undefined): WeightShape {
  const { name, outFeatures, inFeatures } = layer;
  const own = layer.groupSize!;
  if (groupSize !== undefined && own % groupSize !== 0) {
    // Throws the error that names the layer.
    const empty = new Float32Array();
    splitGroups(
      name,
      {
        ...layer,
        groupSize: own,
        signed: false,
        packed: new Uint8Array(),
        scales: empty,
        zeros: empty,
      },
      groupSize,
      "the output",
    );
  }
  return { outFeatures, inFeatures, groupSize: groupSize ?? own, signed: layer.signed ?? false };
}

function requireOrder(layer: LinearLayer, { weight, order }: LoadedLinear) {
  if (!order) return weight;
  throw new CheckpointError({
    code: "W4A16_ACT_ORDER",
    subject: `layer ${clip(layer.name)}`,
    expected: "in-features in the order of the activations",
    received: "GPTQ act-order (desc_act), which no other format keeps",
    fix: "Leave the layer out with --exclude, or load it with loadOrderedLinear.",
  });
}
