/**
 * Our own format: safetensors with, for each layer, `NAME.packed` (U8 [K/2, N],
 * row interleave), `NAME.scales` and `NAME.zeros` (F32, F16 or BF16, [K/G, N]). The
 * container's metadata has
 *
 * - `format`: `w4a16`
 * - `w4a16.version`: `1`; readers refuse versions they do not know
 * - `w4a16.layers`: JSON, `{ NAME: { "signed": boolean, "groupSize": G } }`
 * - `w4a16.generator` and anything else: for people
 *
 * All other tensors of the model are beside them, as they were.
 */
import type { Int4Weight } from "@w4a16/core";
import { clip, invalid } from "../errors.js";
import { encodeFloats } from "../floats.js";
import { parseStrictJson, requireObject } from "../io/strict-json.js";
import type { TensorSpec } from "../layout.js";
import type { TensorStore } from "../store.js";
import { FLOATS, LayerFields, unsupported } from "./fields.js";
import type { LinearLayer } from "./types.js";

const W4A16_VERSION = "1";
const CODE = "W4A16_INVALID_CHECKPOINT";
const FIELDS = ["packed", "scales", "zeros"];

/** What the metadata says of a layer. */
export interface W4A16LayerEntry {
  readonly signed: boolean;
  readonly groupSize: number;
}

/** The metadata block of a file with these layers. */
export function w4a16Metadata(
  layers: ReadonlyMap<string, W4A16LayerEntry>,
): Record<string, string> {
  return {
    format: "w4a16",
    "w4a16.version": W4A16_VERSION,
    "w4a16.layers": JSON.stringify(Object.fromEntries(layers)),
  };
}

/** The tensors of a layer. */
export function w4a16Specs(
  name: string,
  shape: { outFeatures: number; inFeatures: number; groupSize: number },
): TensorSpec[] {
  const { outFeatures: n, inFeatures: k, groupSize } = shape;
  return [
    { name: `${name}.packed`, dtype: "U8", shape: [k / 2, n] },
    { name: `${name}.scales`, dtype: "F32", shape: [k / groupSize, n] },
    { name: `${name}.zeros`, dtype: "F32", shape: [k / groupSize, n] },
  ];
}

/** Their bytes, in the same order. */
export function w4a16Bytes(weight: Int4Weight): Uint8Array[] {
  return [weight.packed, encodeFloats(weight.scales, "F32"), encodeFloats(weight.zeros, "F32")];
}

/** The layers that the metadata lists. */
export function readW4A16Layers(store: TensorStore): LinearLayer[] {
  const version = store.metadata.get("w4a16.version");
  if (version === undefined) return [];
  if (version !== W4A16_VERSION) {
    throw unsupported(
      `${store.path}: w4a16.version`,
      W4A16_VERSION,
      version,
      "Read this file with a newer w4a16.",
    );
  }
  const subject = `${store.path}: w4a16.layers`;
  const text = store.metadata.get("w4a16.layers");
  if (text === undefined) throw invalid(CODE, subject, "the list of layers", "nothing");
  const entries = requireObject(parseStrictJson(text, { subject, code: CODE }), subject, CODE);
  return [...entries].map(([name, entry]) => {
    const fields = requireObject(entry, `${subject}: ${clip(name)}`, CODE);
    return describe(store, name, fields.get("signed"), fields.get("groupSize"));
  });
}

function describe(
  store: TensorStore,
  name: string,
  signed: unknown,
  groupSize: unknown,
): LinearLayer {
  const fields = new LayerFields(store, name);
  const [half, n] = fields.require("packed", ["U8"], [null, null]) as [number, number];
  const [groups] = fields.require("scales", FLOATS, [null, n]) as [number];
  fields.require("zeros", FLOATS, [groups, n]);
  const k = 2 * half;
  // Of an empty matrix a few bytes of file could claim rows without end.
  if (n < 1 || k < 2 || !Number.isInteger(k / groups)) {
    throw invalid(
      CODE,
      `layer ${clip(name)}`,
      "at least one out-feature, and in-features that divide into its groups",
      `N = ${n}, K = ${k}, groups: ${groups}`,
    );
  }
  if (typeof signed !== "boolean" || groupSize !== k / groups) {
    throw invalid(
      CODE,
      `w4a16.layers: ${clip(name)}`,
      `signed, and groupSize ${k / groups} as its tensors have it`,
      `signed ${clip(signed)}, groupSize ${clip(groupSize)}`,
    );
  }
  return {
    name,
    format: "w4a16",
    outFeatures: n,
    inFeatures: k,
    groupSize,
    signed,
    byteLength: fields.byteLength(FIELDS),
    tensors: fields.keys(FIELDS),
    load: async () => ({
      weight: {
        outFeatures: n,
        inFeatures: k,
        groupSize,
        signed,
        packed: await fields.bytes("packed"),
        scales: await fields.floats("scales"),
        zeros: await fields.floats("zeros"),
      },
    }),
  };
}
