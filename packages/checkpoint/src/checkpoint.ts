/** A checkpoint: its tensors, and the linear layers among them. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { ArgumentError, describeValue, type Int4Weight } from "@w4a16/core";
import { CheckpointError, clip, fileError, invalid, requirePath, requireText } from "./errors.js";
import { openGguf } from "./gguf/read.js";
import { GGUF_MAGIC } from "./gguf/types.js";
import { RandomAccessFile } from "./io/file.js";
import { readFloatLayers } from "./linear/float.js";
import { readGgufLayers } from "./linear/gguf.js";
import { readHqqLayers } from "./linear/hqq.js";
import { layerName, ownedTensors } from "./linear/layers.js";
import { readMlxLayers } from "./linear/mlx.js";
import { loadInOrder } from "./linear/order.js";
import { readPackedLayers } from "./linear/packed.js";
import type { LinearLayer, LoadedLinear } from "./linear/types.js";
import { readW4A16Layers } from "./linear/w4a16.js";
import { openSafetensors, openSharded } from "./safetensors/read.js";
import type { TensorStore } from "./store.js";

/** An open checkpoint; close it with `await using` or `close()`. */
export interface Checkpoint extends AsyncDisposable {
  /** All tensors, those of no linear layer too. */
  readonly store: TensorStore;
  /** Linear layers by name, quantized or not, in the order of the file. */
  readonly layers: ReadonlyMap<string, LinearLayer>;
  /** Closes the files; layers cannot be loaded any more. */
  close(): Promise<void>;
}

const INDEX = "model.safetensors.index.json";
const SINGLE = "model.safetensors";

/**
 * Opens a checkpoint: a `.safetensors` file, an index of shards
 * (`….safetensors.index.json`), a folder with either, or a GGUF file. Only
 * headers are read.
 *
 * @throws CheckpointError naming what is missing, damaged or not supported.
 */
export async function openCheckpoint(path: string): Promise<Checkpoint> {
  const store = await openStore(path);
  const close = () => Promise.resolve(store[Symbol.asyncDispose]());
  try {
    return { store, layers: await findLayers(store), close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Opens the container that `path` names, by its content. */
async function openStore(path: string): Promise<TensorStore> {
  requirePath("path", path);
  const place = await stat(path).catch((cause) => {
    throw fileError(path, cause, "read");
  });
  if (place.isDirectory()) return openFolder(path);
  if (path.endsWith(".json")) return openSharded(path);
  return (await isGguf(path)) ? openGguf(path) : openSafetensors(path);
}

async function openFolder(folder: string): Promise<TensorStore> {
  const exists = (name: string) =>
    stat(join(folder, name)).then(
      () => true,
      () => false,
    );
  if (await exists(INDEX)) return openSharded(join(folder, INDEX));
  if (await exists(SINGLE)) return openSafetensors(join(folder, SINGLE));
  throw new CheckpointError({
    code: "W4A16_FILE_NOT_FOUND",
    subject: folder,
    expected: `${INDEX} or ${SINGLE} in this folder`,
    received: "neither",
    fix: "Name the .safetensors or .gguf file itself.",
  });
}

async function isGguf(path: string): Promise<boolean> {
  await using file = await RandomAccessFile.open(path);
  if (file.size < 4) return false;
  return new DataView((await file.read(0, 4)).buffer).getUint32(0, true) === GGUF_MAGIC;
}

/** Recognizes layers by their tensors' names and dtypes. */
async function findLayers(store: TensorStore): Promise<Map<string, LinearLayer>> {
  const quantized =
    store.container === "gguf"
      ? readGgufLayers(store)
      : [
          ...readW4A16Layers(store),
          ...(await readHqqLayers(store)),
          ...(await readPackedLayers(store)),
          ...(await readMlxLayers(store)),
        ];
  const owned = ownedTensors(quantized);
  const layers = new Map<string, LinearLayer>();
  for (const layer of [...quantized, ...readFloatLayers(store, owned)]) {
    const { name } = layer;
    if (layers.has(name)) {
      // A matrix `x.weight` beside a quantized layer `x` keeps its full name.
      const full = layer.tensors[0] ?? name;
      if (layer.format !== "float" || layers.has(full)) {
        throw invalid(
          "W4A16_INVALID_CHECKPOINT",
          store.path,
          "one set of tensors for a layer",
          `two for ${clip(name)}`,
        );
      }
      layers.set(full, { ...layer, name: full });
    } else {
      layers.set(name, layer);
    }
  }
  return layers;
}

/** The layer of that name, with or without `.weight`. Throws `W4A16_LAYER_NOT_FOUND`. */
export function findLayer(checkpoint: Checkpoint, name: string): LinearLayer {
  if (!(checkpoint?.layers instanceof Map)) {
    throw new ArgumentError({
      code: "W4A16_INVALID_TYPE",
      subject: "checkpoint",
      expected: "an open checkpoint",
      received: describeValue(checkpoint),
      fix: "Pass what openCheckpoint resolves to.",
    });
  }
  requireText("name", name, "Pass the layer's name.");
  const layer = checkpoint.layers.get(name) ?? checkpoint.layers.get(layerName(name));
  if (layer) return layer;
  throw new CheckpointError({
    code: "W4A16_LAYER_NOT_FOUND",
    subject: checkpoint.store.path,
    expected: `a layer among ${clip([...checkpoint.layers.keys()].join(", "), 200)}`,
    received: clip(name),
    fix: "List the layers with `w4a16 inspect`.",
  });
}

/**
 * Reads a quantized layer, in whatever format it is stored, as an `Int4Weight`
 * for any device.
 *
 * @throws CheckpointError `W4A16_LAYER_NOT_FOUND`, `W4A16_NOT_QUANTIZED` for a
 * float layer, or `W4A16_ACT_ORDER` for a GPTQ layer quantized in another order
 * than its activations come in: see {@link loadOrderedLinear}.
 */
export async function loadLinear(checkpoint: Checkpoint, name: string): Promise<Int4Weight> {
  const fix = "Use loadOrderedLinear and gather the activations by its order.";
  return loadInOrder(findLayer(checkpoint, name), fix);
}

/**
 * As {@link loadLinear}, with act-order allowed: where `order` is given,
 * in-feature i of the weight multiplies activation `order[i]`.
 */
export async function loadOrderedLinear(
  checkpoint: Checkpoint,
  name: string,
): Promise<LoadedLinear> {
  return findLayer(checkpoint, name).load();
}
