/** What `quantize` and `convert` share: the output formats, and the tensors copied as they are. */
import { ArgumentError, type Int4Weight } from "@w4a16/core";
import { clip, inLayer, invalid } from "../errors.js";
import { layoutGguf } from "../gguf/encode.js";
import { ggufLacks } from "../gguf/types.js";
import { ggufBytes, ggufSpecs } from "../linear/gguf.js";
import { hqqBytes, hqqSpecs } from "../linear/hqq.js";
import { loadInOrder } from "../linear/order.js";
import type { LinearLayer } from "../linear/types.js";
import { w4a16Bytes, w4a16Metadata, w4a16Specs } from "../linear/w4a16.js";
import { type FileLayout, layoutSafetensors, type TensorSpec } from "../safetensors/encode.js";
import { DTYPE_BITS, METADATA } from "../safetensors/header.js";
import type { TensorInfo, TensorStore } from "../store.js";
import { fitWeight, type Requirements, requireSplit } from "./fit.js";
import type { WriteItem } from "./resumable.js";

/** Formats of whole checkpoints in one file. */
export type FileFormat = "w4a16" | "hqq" | "q4_0" | "q4_1";

export interface WeightShape {
  readonly outFeatures: number;
  readonly inFeatures: number;
  readonly groupSize: number;
  readonly signed: boolean;
}

interface OutputFormat {
  /** What a weight must be like. */
  readonly requirements: Requirements;
  specs(name: string, shape: WeightShape): TensorSpec[];
  /** The bytes of these tensors, of a weight that meets the requirements. */
  bytes(weight: Int4Weight): Uint8Array[];
  /** Why a tensor cannot be copied along; undefined where it can. */
  lacks(tensor: TensorInfo): string | undefined;
  layout(tensors: TensorSpec[], layers: ReadonlyMap<string, WeightShape>): FileLayout;
}

const safetensors = {
  lacks: ({ name, dtype }: TensorInfo) => {
    // GGUF allows the name; in a safetensors header it would replace the metadata.
    if (name === METADATA) return `${METADATA} is no tensor's name in safetensors`;
    return Object.hasOwn(DTYPE_BITS, dtype) ? undefined : `${dtype} has no place in safetensors`;
  },
};

const gguf = (dtype: "Q4_0" | "Q4_1"): OutputFormat => ({
  requirements: {
    format: dtype.toLowerCase(),
    signed: false,
    groupSize: 32,
    zeros: dtype === "Q4_0" ? "eight" : "real",
  },
  specs: (name, shape) => ggufSpecs(name, dtype, shape),
  bytes: (weight) => ggufBytes(weight, dtype),
  lacks: (copied) => ggufLacks(copied.name, copied.dtype, copied.shape),
  layout: (tensors) => layoutGguf(tensors, {}),
});

export const FILE_FORMATS: Readonly<Record<FileFormat, OutputFormat>> = {
  w4a16: {
    requirements: { format: "w4a16", zeros: "real" },
    specs: w4a16Specs,
    bytes: w4a16Bytes,
    ...safetensors,
    layout: (tensors, layers) => {
      const entries = [...layers].map(
        ([name, { signed, groupSize }]) => [name, { signed, groupSize }] as const,
      );
      return layoutSafetensors(tensors, w4a16Metadata(new Map(entries)));
    },
  },
  hqq: {
    requirements: { format: "hqq", signed: false, zeros: "real" },
    specs: hqqSpecs,
    bytes: hqqBytes,
    ...safetensors,
    layout: (tensors) => layoutSafetensors(tensors, { format: "pt" }),
  },
  q4_0: gguf("Q4_0"),
  q4_1: gguf("Q4_1"),
};

/** The shape that a quantized layer has in a format. */
export function shapeIn({ requirements }: OutputFormat, layer: LinearLayer): WeightShape {
  const { name, outFeatures, inFeatures, signed = false } = layer;
  const groupSize = requirements.groupSize ?? layer.groupSize!;
  requireSplit(name, layer.groupSize!, groupSize, "the output");
  return { outFeatures, inFeatures, groupSize, signed };
}

/**
 * A quantized layer that goes to the output in the format there.
 *
 * @param actOrderFix what helps where its in-features are in an order of their own.
 */
export function layerItem(
  { specs, bytes, requirements }: OutputFormat,
  layer: LinearLayer,
  shape: WeightShape,
  requantize: boolean,
  actOrderFix?: string,
): WriteItem<null> {
  return {
    name: layer.name,
    tensors: specs(layer.name, shape),
    produce: async () => {
      const weight = await loadInOrder(layer, actOrderFix);
      const fitted = fitWeight(layer.name, weight, requirements, requantize);
      try {
        return { bytes: bytes(fitted), note: null };
      } catch (error) {
        throw error instanceof ArgumentError ? inLayer(layer.name, error) : error;
      }
    },
  };
}

/** The layout of a file of what `items` make. */
export function layoutOf(
  { layout }: OutputFormat,
  items: readonly WriteItem<unknown>[],
  layers: ReadonlyMap<string, WeightShape>,
): FileLayout {
  const tensors = items.flatMap((item) => [...item.tensors]);
  const names = new Set<string>();
  for (const { name } of tensors) {
    if (names.has(name)) {
      throw invalid(
        "W4A16_INVALID_CHECKPOINT",
        `tensor ${clip(name)}`,
        "a name that no other tensor of the output has",
        "one that a layer and a copied tensor would share",
        "Leave the layer out with --exclude, or rename the tensor in the input.",
      );
    }
    names.add(name);
  }
  return layout(tensors, layers);
}

/** Splits tensors into those that a format can hold, and the others, each with the reason. */
export function splitHeld({ lacks }: OutputFormat, tensors: readonly TensorInfo[]) {
  const held: TensorInfo[] = [];
  const dropped: Array<{ name: string; reason: string }> = [];
  for (const tensor of tensors) {
    const reason = lacks(tensor);
    if (reason === undefined) held.push(tensor);
    else dropped.push({ name: tensor.name, reason });
  }
  return { held, dropped };
}

/** A tensor that goes to the output as it is. */
export function copyItem(store: TensorStore, { name, dtype, shape }: TensorInfo) {
  return {
    name: `copy ${name}`,
    tensors: [{ name, dtype, shape }],
    produce: async () => ({ bytes: [await store.read(name)], note: null }),
  };
}

/** Bytes of all tensors whose size is known. */
export function totalBytes(store: TensorStore): number {
  let total = 0;
  for (const { byteLength } of store.tensors.values()) total += byteLength || 0;
  return total;
}
