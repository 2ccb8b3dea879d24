/** Questions that readers and writers ask of a checkpoint's layers. */
import type { LinearLayer } from "./types.js";

/** The name of the layer whose weight a tensor of this name is. */
export function layerName(tensor: string): string {
  return tensor.replace(/\.weight$/, "");
}

/** The layers that are quantized, in whatever format. */
export function quantizedLayers(layers: Iterable<LinearLayer>): LinearLayer[] {
  return [...layers].filter(({ format }) => format !== "float");
}

/** The names of all tensors that make up the layers. */
export function ownedTensors(layers: Iterable<LinearLayer>): Set<string> {
  return new Set([...layers].flatMap(({ tensors }) => tensors));
}
