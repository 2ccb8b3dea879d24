/** Layers as MLX saves them: `weight` (U32 [N, K/8]), `scales` and `biases` [N, K/G]. */
import { biasesToZeros, fromMlx, transposeFloats } from "@w4a16/packing";
import { clip, invalid } from "../errors.js";
import type { TensorStore } from "../store.js";
import { blankConstantGroups } from "./constant-groups.js";
import { FLOATS, LayerFields } from "./fields.js";
import { readMlxConfig } from "./mlx-config.js";
import type { LinearLayer } from "./types.js";

const FIELDS = ["weight", "scales", "biases"];

/** The layers that have a packed `weight` with `scales` and `biases`. */
export async function readMlxLayers(store: TensorStore): Promise<LinearLayer[]> {
  const found = [...store.tensors.values()]
    .filter(({ name, dtype }) => dtype === "U32" && name.endsWith(".weight"))
    .map(({ name }) => new LayerFields(store, name.slice(0, -7)))
    .filter((fields) => fields.has("scales") && fields.has("biases"));
  if (found.length === 0) return [];
  const groupSizeOf = await readMlxConfig(store);
  return found.map((fields) => describe(fields, groupSizeOf(fields.name)));
}

function describe(fields: LayerFields, groupSize: number): LinearLayer {
  const [n, words] = fields.require("weight", ["U32"], [null, null]) as [number, number];
  const [, groups] = fields.require("scales", FLOATS, [n, null]) as [number, number];
  fields.require("biases", FLOATS, [n, groups]);
  const k = 8 * words;
  if (n < 1 || k < 1 || k !== groups * groupSize) {
    throw invalid(
      "W4A16_INVALID_CHECKPOINT",
      `layer ${clip(fields.name)}`,
      `4-bit MLX weights in groups of ${groupSize}, as config.json says`,
      `${words} words and ${groups} scales in a row`,
      "Fetch the model again, with the config.json that belongs to it.",
    );
  }
  const shape = { outFeatures: n, inFeatures: k };
  return {
    name: fields.name,
    format: "mlx",
    ...shape,
    groupSize,
    byteLength: fields.byteLength(FIELDS),
    tensors: fields.keys(FIELDS),
    load: async () => {
      const scales = transposeFloats(await fields.floats("scales"), n, groups);
      const biases = transposeFloats(await fields.floats("biases"), n, groups);
      const packed = fromMlx(await fields.words("weight"), shape);
      blankConstantGroups(packed, scales, biases, shape);
      const zeros = biasesToZeros(biases, scales);
      return { weight: { ...shape, groupSize, signed: false, packed, scales, zeros } };
    },
  };
}
