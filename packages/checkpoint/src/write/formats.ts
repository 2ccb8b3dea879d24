/** The formats that whole checkpoints are written in. */
import type { Int4Weight } from "@w4a16/core";
import { clip, invalid } from "../errors.js";
import { layoutGguf } from "../gguf/encode.js";
import { ggufLacks } from "../gguf/types.js";
import type { FileLayout, TensorSpec } from "../layout.js";
import { ggufBytes, ggufSpecs } from "../linear/gguf.js";
import { hqqBytes, hqqSpecs } from "../linear/hqq.js";
import type { LinearLayer } from "../linear/types.js";
import { w4a16Bytes, w4a16Metadata, w4a16Specs } from "../linear/w4a16.js";
import { layoutSafetensors } from "../safetensors/encode.js";
import { DTYPE_BITS, METADATA } from "../safetensors/header.js";
import type { TensorInfo } from "../store.js";
import { type Requirements, requireSplit } from "./fit.js";

/** Formats of whole checkpoints in one file. */
export type FileFormat = "w4a16" | "hqq" | "q4_0" | "q4_1";

/** What of a weight decides its tensors. */
export interface WeightShape {
  readonly outFeatures: number;
  readonly inFeatures: number;
  readonly groupSize: number;
  readonly signed: boolean;
}

/** How a checkpoint is written in one format. */
export interface OutputFormat {
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

/** By name. */
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

/** Their names. */
export const FILE_FORMAT_NAMES = Object.keys(FILE_FORMATS) as readonly FileFormat[];

/** The shape that a quantized layer has in a format. */
export function shapeIn(
  { requirements }: OutputFormat,
  layer: Pick<LinearLayer, "name" | "outFeatures" | "inFeatures" | "groupSize" | "signed">,
): WeightShape {
  const { name, outFeatures, inFeatures, signed = false } = layer;
  const groupSize = requirements.groupSize ?? layer.groupSize!;
  requireSplit(name, layer.groupSize!, groupSize, "the output");
  return { outFeatures, inFeatures, groupSize, signed };
}

/** The layout of a file of `tensors`, those of `layers` among them. */
export function layoutOf(
  { layout }: OutputFormat,
  tensors: TensorSpec[],
  layers: ReadonlyMap<string, WeightShape>,
): FileLayout {
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
