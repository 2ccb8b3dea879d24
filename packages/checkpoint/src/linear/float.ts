/** Matrices that are not quantized: what `quantize` takes. */
import { CheckpointError, clip } from "../errors.js";
import { isFloatDType } from "../floats.js";
import type { TensorInfo, TensorStore } from "../store.js";
import { layerName } from "./layers.js";
import type { LinearLayer } from "./types.js";

/** Every float matrix that no quantized layer owns. */
export function readFloatLayers(store: TensorStore, owned: ReadonlySet<string>): LinearLayer[] {
  return [...store.tensors.values()]
    .filter(({ name, dtype, shape }) => {
      const matrix = shape.length === 2 && shape.every((size) => size > 0);
      return matrix && isFloatDType(dtype) && !owned.has(name);
    })
    .map((info) => describe(store, info));
}

function describe(store: TensorStore, info: TensorInfo): LinearLayer {
  const { name, dtype, shape, byteLength } = info;
  const [outFeatures, inFeatures] = shape as [number, number];
  const short = layerName(name);
  return {
    // Beside a tensor `x`, `x.weight` keeps its full name.
    name: store.tensors.has(short) ? name : short,
    format: "float",
    outFeatures,
    inFeatures,
    byteLength,
    tensors: [name],
    load: async () => {
      throw new CheckpointError({
        code: "W4A16_NOT_QUANTIZED",
        subject: clip(name),
        expected: "a quantized layer",
        received: dtype,
        fix: "Quantize the checkpoint first: w4a16 quantize IN OUT.",
      });
    },
  };
}
