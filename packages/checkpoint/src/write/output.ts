/** What `quantize` and `convert` share: the items of the output. */
import { inLayer } from "../errors.js";
import { loadInOrder } from "../linear/order.js";
import type { LinearLayer } from "../linear/types.js";
import type { TensorInfo, TensorStore } from "../store.js";
import { fitWeight } from "./fit.js";
import type { OutputFormat, WeightShape } from "./formats.js";
import type { WriteItem } from "./item.js";

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
    inputBytes: layer.byteLength,
    tensors: specs(layer.name, shape),
    produce: async () => {
      const weight = await loadInOrder(layer, actOrderFix);
      const fitted = fitWeight(layer.name, weight, requirements, requantize);
      return { bytes: inLayer(layer.name, () => bytes(fitted)), note: null };
    },
  };
}

/** A tensor that goes to the output as it is. */
export function copyItem(store: TensorStore, tensor: TensorInfo): WriteItem<null> {
  const { name, dtype, shape, byteLength } = tensor;
  return {
    name: `copy ${name}`,
    inputBytes: byteLength,
    tensors: [{ name, dtype, shape }],
    produce: async () => ({ bytes: [await store.read(name)], note: null }),
  };
}
