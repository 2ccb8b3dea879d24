/** A folder of ONNX models, one for each layer. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { throwIfAborted } from "@w4a16/core";
import { fileError } from "../errors.js";
import { loadInOrder } from "../linear/order.js";
import type { LinearLayer } from "../linear/types.js";
import type { TensorStore } from "../store.js";
import { writeAtomic } from "../write/atomic.js";
import { requireNoInput } from "../write/inputs.js";
import { encodeOnnx } from "./model.js";

/**
 * Writes `LAYER.onnx` for each layer of `store` into `folder`, which is made if it is not there.
 *
 * @param onLayer told of each layer once its file is there.
 * @returns the bytes of all files.
 */
export async function writeOnnxFolder(
  folder: string,
  store: TensorStore,
  layers: readonly LinearLayer[],
  signal: AbortSignal | undefined,
  onLayer: (layer: LinearLayer) => void,
): Promise<number> {
  const names = fileNames(layers);
  await requireNoInput(
    store,
    [...names.values()].map((name) => join(folder, name)),
  );
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw fileError(folder, cause, "write");
  }
  let written = 0;
  for (const layer of layers) {
    throwIfAborted("convert", signal);
    const bytes = encodeOnnx(layer.name, await loadInOrder(layer));
    await writeAtomic(join(folder, names.get(layer)!), bytes);
    written += bytes.length;
    onLayer(layer);
  }
  return written;
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
