/** GGUF tensors of type Q4_0 and Q4_1 as layers, and such tensors of weights we write. */
import { ArgumentError, decodeFloat16, encodeFloat16, type Int4Weight } from "@w4a16/core";
import {
  biasesToZeros,
  fromGgufQ4_0,
  fromGgufQ4_1,
  requireWholeZeros,
  toGgufQ4_0,
  toGgufQ4_1,
  zerosToBiases,
} from "@w4a16/packing";
import type { TensorSpec } from "../layout.js";
import type { TensorInfo, TensorStore } from "../store.js";
import { blankConstantGroups } from "./constant-groups.js";
import { layerName } from "./layers.js";
import type { LinearLayer } from "./types.js";

/** Bits that all infinities and NaNs of float16 have. */
const INFINITE = 0x7c00;

/** Elements to a block, and so the group size. */
const BLOCK = 32;

/** The matrices in Q4_0 or Q4_1. */
export function readGgufLayers(store: TensorStore): LinearLayer[] {
  return [...store.tensors.values()]
    .filter(({ dtype, shape }) => (dtype === "Q4_0" || dtype === "Q4_1") && shape.length === 2)
    .filter(({ byteLength }) => byteLength > 0)
    .map((info) => describe(store, info));
}

function describe(store: TensorStore, { name, dtype, shape, byteLength }: TensorInfo): LinearLayer {
  const [outFeatures, inFeatures] = shape as [number, number];
  const linear = { outFeatures, inFeatures };
  const load = async () => {
    const blocks = await store.read(name);
    const head = { ...linear, groupSize: BLOCK, signed: false };
    if (dtype === "Q4_0") {
      const { packed, d } = fromGgufQ4_0(blocks, linear);
      const scales = decodeFloat16(d);
      return { weight: { ...head, packed, scales, zeros: new Float32Array(d.length).fill(8) } };
    }
    const { packed, d, m } = fromGgufQ4_1(blocks, linear);
    const scales = decodeFloat16(d);
    const biases = decodeFloat16(m);
    blankConstantGroups(packed, scales, biases, linear);
    return { weight: { ...head, packed, scales, zeros: biasesToZeros(biases, scales) } };
  };
  return {
    name: layerName(name),
    format: dtype === "Q4_0" ? "q4_0" : "q4_1",
    ...linear,
    groupSize: BLOCK,
    byteLength,
    tensors: [name],
    load,
  };
}

/** The tensor of a layer. */
export function ggufSpecs(
  name: string,
  dtype: "Q4_0" | "Q4_1",
  { outFeatures, inFeatures }: { outFeatures: number; inFeatures: number },
): TensorSpec[] {
  return [{ name: `${name}.weight`, dtype, shape: [outFeatures, inFeatures] }];
}

/**
 * Its bytes, of a weight with unsigned codes in groups of 32. Parameters are
 * rounded to the float16 that the format has; for Q4_0 every zero must be 8.
 *
 * @throws ArgumentError `W4A16_LOSSY_ZERO`, or `W4A16_INVALID_VALUE` on a scale or a bias
 * beyond float16.
 */
export function ggufBytes(weight: Int4Weight, dtype: "Q4_0" | "Q4_1"): Uint8Array[] {
  const { outFeatures, inFeatures, packed, scales, zeros } = weight;
  const d = finiteHalves("scales", scales);
  const shape = { outFeatures, inFeatures };
  if (dtype === "Q4_0") {
    requireWholeZeros(zeros, "Q4_0", 8, 8);
    return [toGgufQ4_0({ packed, d }, shape)];
  }
  const m = finiteHalves("biases", zerosToBiases(zeros, scales));
  return [toGgufQ4_1({ packed, d, m }, shape)];
}

/** Float16 bits of parameters: an infinite one would make a whole block infinite or NaN. */
function finiteHalves(subject: string, values: Float32Array): Uint16Array {
  const bits = encodeFloat16(values);
  const beyond = bits.findIndex((half) => (half & INFINITE) === INFINITE);
  if (beyond < 0) return bits;
  throw new ArgumentError({
    code: "W4A16_INVALID_VALUE",
    subject: `${subject}[${beyond}]`,
    expected: "at most 65504, the largest float16, as GGUF stores it",
    received: String(values[beyond]),
    fix: "Convert to w4a16, hqq or onnx, which store float32.",
  });
}
