/** Layers of GPTQ (AutoGPTQ, GPTQModel) and AWQ (AutoAWQ GEMM): qweight, qzeros, scales. */
import type { Int4Weight } from "@w4a16/core";
import {
  fromAwq,
  fromAwqZeros,
  fromGptq,
  fromGptqZeros,
  gatherInFeatures,
  gatherOrder,
} from "@w4a16/packing";
import { clip, invalid } from "../errors.js";
import type { TensorStore } from "../store.js";
import { type PackedConfig, readPackedConfig } from "./config.js";
import { FLOATS, LayerFields } from "./fields.js";
import type { LinearLayer, LoadedLinear } from "./types.js";

/** The layers that have a `qweight`. */
export async function readPackedLayers(store: TensorStore): Promise<LinearLayer[]> {
  const names = [...store.tensors.keys()].filter((key) => key.endsWith(".qweight"));
  if (names.length === 0) return [];
  const config = await readPackedConfig(store);
  return names.map((key) => describe(new LayerFields(store, key.slice(0, -8)), config));
}

function describe(fields: LayerFields, config: PackedConfig): LinearLayer {
  const { name } = fields;
  const gptq = config.method === "gptq";
  const words = ["I32", "U32"];
  const [rows, cols] = fields.require("qweight", words, [null, null]) as [number, number];
  const [n, k] = gptq ? [cols, 8 * rows] : [8 * cols, rows];
  const groupSize = config.groupSize === -1 ? k : config.groupSize;
  if (n < 1 || k < 2 || k % 2 !== 0 || n % 8 !== 0 || k % groupSize !== 0) {
    throw invalid(
      "W4A16_INVALID_CHECKPOINT",
      `layer ${clip(name)}`,
      `N a multiple of 8, and K of the group size ${groupSize}`,
      `N = ${n}, K = ${k}`,
    );
  }
  const groups = k / groupSize;
  fields.require("qzeros", words, [groups, n / 8]);
  fields.require("scales", FLOATS, [groups, n]);
  if (fields.has("g_idx")) fields.require("g_idx", ["I32"], [k]);
  const present = ["qweight", "qzeros", "scales", "g_idx"].filter((field) => fields.has(field));
  const shape = { outFeatures: n, inFeatures: k };
  const load = async (): Promise<LoadedLinear> => {
    const stored = await fields.words("qweight");
    const qzeros = await fields.words("qzeros");
    const weight: Int4Weight = {
      ...shape,
      groupSize,
      signed: false,
      packed: gptq ? fromGptq(stored, shape) : fromAwq(stored, shape),
      scales: await fields.floats("scales"),
      zeros: gptq
        ? fromGptqZeros(qzeros, { groups, outFeatures: n, version: config.version })
        : fromAwqZeros(qzeros, { groups, outFeatures: n }),
    };
    const order = fields.has("g_idx") ? await readOrder(fields, groupSize) : undefined;
    if (!order) return { weight };
    return { weight: { ...weight, packed: gatherInFeatures(weight.packed, shape, order) }, order };
  };
  return {
    name,
    format: config.method,
    ...shape,
    groupSize,
    byteLength: fields.byteLength(present),
    tensors: fields.keys(present),
    load,
  };
}

/** Act-order, unless g_idx is the usual one, or the zeros that some tools leave there. */
async function readOrder(fields: LayerFields, groupSize: number): Promise<Uint32Array | undefined> {
  const gIdx = await fields.words("g_idx");
  return gIdx.every((group) => group === 0) ? undefined : gatherOrder(gIdx, groupSize);
}
