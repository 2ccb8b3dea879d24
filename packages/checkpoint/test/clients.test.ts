/** Files we write, opened by the public libraries of their formats. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { GGMLQuantizationType, gguf } from "@huggingface/gguf";
import { parseSafetensorsMetadata } from "@huggingface/hub";
import { dequantize, type Int4Weight } from "@w4a16/core";
import { exactMatmul } from "@w4a16/reference";
import { relativeFrobenius } from "@w4a16/reference/metrics";
import { randomNormal, seededRandom } from "@w4a16/reference/testing";
import { describe, expect, test } from "vitest";
import {
  convertCheckpoint,
  encodeOnnx,
  loadLinear,
  openCheckpoint,
  quantizeCheckpoint,
} from "../src/index.js";
import { floatTensor, halfWeight, safetensorsBytes, temporaryFolder, write } from "./support.js";

const folder = temporaryFolder();
const random = seededRandom(11);
const input = write(
  folder,
  "float.safetensors",
  safetensorsBytes([
    floatTensor("model.q.weight", [96, 256], randomNormal(random, 96 * 256), "BF16"),
    floatTensor("model.k.weight", [32, 256], randomNormal(random, 32 * 256), "F16"),
    floatTensor("model.norm.weight", [256], randomNormal(random, 256)),
  ]),
);
const int4 = join(folder, "int4.safetensors");
await quantizeCheckpoint(input, int4);

/** Serves one file as a web server with range requests does. */
function serve(path: string): typeof fetch {
  const file = readFileSync(path);
  return async (_, init) => {
    const range = /bytes=(\d+)-(\d+)/.exec(new Headers(init?.headers).get("range") ?? "");
    if (!range) return new Response(file);
    const from = Number(range[1]);
    const to = Math.min(Number(range[2]), file.length - 1);
    const headers = { "content-range": `bytes ${from}-${to}/${file.length}`, etag: '"test"' };
    return new Response(file.subarray(from, to + 1), { status: 206, headers });
  };
}

describe("@huggingface/hub reads", () => {
  test.each(["w4a16", "hqq"] as const)("%s", async (to) => {
    const path = join(folder, `hub-${to}.safetensors`);
    await convertCheckpoint(int4, path, { to });
    const parsed = await parseSafetensorsMetadata({
      repo: "w4a16/test",
      path: "model.safetensors",
      fetch: serve(path),
    });
    if (parsed.sharded) throw new Error("one file");
    const { header } = parsed;
    expect(header["model.norm.weight"]).toMatchObject({ dtype: "F32", shape: [256] });
    if (to === "w4a16") {
      expect(header["model.q.packed"]).toMatchObject({ dtype: "U8", shape: [128, 96] });
      expect(header["model.q.scales"]).toMatchObject({ dtype: "F32", shape: [4, 96] });
      expect(header.__metadata__).toMatchObject({ format: "w4a16", "w4a16.version": "1" });
    } else {
      expect(header["model.q.W_q"]).toMatchObject({ dtype: "U8", shape: [192, 64] });
      expect(header["model.q.shape"]).toMatchObject({ dtype: "I64", shape: [2] });
    }
    // Data are aligned to their elements, so that the file can be mapped.
    const sizes: Record<string, number> = { I64: 8, F32: 4, I32: 4, U8: 1 };
    for (const [name, { dtype, data_offsets }] of Object.entries(header)) {
      if (name !== "__metadata__") expect(Number(data_offsets[0]) % sizes[dtype]!).toBe(0);
    }
  });
});

describe("@huggingface/gguf reads", () => {
  test.each(["q4_0", "q4_1"] as const)("%s", async (to) => {
    const path = join(folder, `${to}.gguf`);
    await convertCheckpoint(int4, path, { to, requantize: true });
    const { tensorInfos, metadata, tensorDataOffset } = await gguf(path, { allowLocalFile: true });
    expect(metadata.version).toBe(3);
    const q = tensorInfos.find(({ name }) => name === "model.q.weight")!;
    expect(q.shape.map(Number)).toEqual([256, 96]);
    const type = to === "q4_0" ? GGMLQuantizationType.Q4_0 : GGMLQuantizationType.Q4_1;
    expect(q.dtype).toBe(type);
    const norm = tensorInfos.find(({ name }) => name === "model.norm.weight")!;
    expect(norm.dtype).toBe(GGMLQuantizationType.F32);
    const file = readFileSync(path);
    const at = Number(tensorDataOffset) + Number(norm.offset);
    const values = new Float32Array(new Uint8Array(file.subarray(at, at + 1024)).buffer);
    const original = readFileSync(input);
    expect(original.includes(Buffer.from(values.buffer))).toBe(true);
  });
});

/** onnxruntime-node, where it is installed; ONNXRUNTIME_NODE may name a folder that has it. */
function onnxRuntime() {
  try {
    const from = process.env.ONNXRUNTIME_NODE;
    return createRequire(from ? join(from, "package.json") : import.meta.url)("onnxruntime-node");
  } catch {
    return undefined;
  }
}

const ort = onnxRuntime();

describe.skipIf(!ort)("onnxruntime-node runs (skipped where it is not installed)", () => {
  async function product(weight: Int4Weight, x: Float32Array, m: number, accuracyLevel: 0 | 4) {
    const model = encodeOnnx("layer", weight, { accuracyLevel });
    const session = await ort.InferenceSession.create(model);
    const { Y } = await session.run({ X: new ort.Tensor("float32", x, [m, weight.inFeatures]) });
    await session.release();
    expect(Y.dims).toEqual([m, weight.outFeatures]);
    return Y.data as Float32Array;
  }

  test("a folder of models made by convert, from a file", async () => {
    const models = join(folder, "models");
    const { layers } = await convertCheckpoint(int4, models, { to: "onnx" });
    expect([...layers].sort()).toEqual(["model.k", "model.q"]);
    await using checkpoint = await openCheckpoint(int4);
    for (const name of layers) {
      const weight = await loadLinear(checkpoint, name);
      const x = randomNormal(seededRandom(4), 2 * 256);
      const session = await ort.InferenceSession.create(join(models, `${name}.onnx`));
      const { Y } = await session.run({ X: new ort.Tensor("float32", x, [2, 256]) });
      await session.release();
      expect(relativeFrobenius(Y.data, exactMatmul(weight, x, 2))).toBeLessThan(1e-6);
    }
  });

  const shapes = [
    { outFeatures: 96, inFeatures: 256, groupSize: 64 },
    { outFeatures: 33, inFeatures: 144, groupSize: 16 },
    { outFeatures: 40, inFeatures: 480, groupSize: 96 },
    { outFeatures: 64, inFeatures: 1024, groupSize: 1024 },
  ];
  const cases = shapes.flatMap((shape) =>
    (["real", "whole"] as const).map((zeros) => ({ ...shape, zeros })),
  );

  test.each(cases)(
    "N = $outFeatures, K = $inFeatures, G = $groupSize, $zeros zeros: to 1e-6",
    async ({ zeros, ...shape }) => {
      const weight = halfWeight(17, shape, zeros);
      const x = randomNormal(seededRandom(5), 5 * shape.inFeatures);
      const y = await product(weight, x, 5, 0);
      expect(relativeFrobenius(y, exactMatmul(weight, x, 5))).toBeLessThan(1e-6);
    },
  );

  test("signed codes too", async () => {
    const signed = { ...halfWeight(19, shapes[0]!, "whole"), signed: true };
    const weight = { ...signed, zeros: signed.zeros.map((zero) => zero - 8) };
    const x = randomNormal(seededRandom(6), 256);
    const y = await product(weight, x, 1, 0);
    expect(relativeFrobenius(y, exactMatmul(weight, x, 1))).toBeLessThan(1e-6);
  });

  test("with int8 activations: within the error of rounding them to 8 bits", async () => {
    const weight = halfWeight(23, shapes[0]!, "eight");
    const m = 4;
    const x = randomNormal(seededRandom(8), m * 256);
    const y = await product(weight, x, m, 4);
    const exact = exactMatmul(weight, x, m);
    // Each block of 64 activations in steps of its largest magnitude / 127: at most
    // half a step off, times the sum of the weights' magnitudes.
    const values = dequantize(weight);
    for (let row = 0; row < m; row++) {
      for (let n = 0; n < 96; n++) {
        let bound = 0;
        for (let block = 0; block < 256; block += 64) {
          let largest = 0;
          let magnitude = 0;
          for (let k = block; k < block + 64; k++) {
            largest = Math.max(largest, Math.abs(x[row * 256 + k]!));
            magnitude += Math.abs(values[n * 256 + k]!);
          }
          bound += (largest / 127 / 2) * magnitude;
        }
        expect(Math.abs(y[row * 96 + n]! - exact[row * 96 + n]!)).toBeLessThan(bound * 1.01);
      }
    }
  });
});
