/** Each format in: a checkpoint as its own tool lays it out, read back as the weight it was made of. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { dequantize, encodeFloat16, type Int4Weight } from "@w4a16/core";
import {
  gatherInFeatures,
  toGgufQ4_0,
  toGgufQ4_1,
  toMlx,
  transposeFloats,
  zerosToBiases,
} from "@w4a16/packing";
import { describe, expect, test } from "vitest";
import { readGolden } from "../../../fixtures/golden.js";
import {
  convertCheckpoint,
  loadLinear,
  loadOrderedLinear,
  openCheckpoint,
  verifyCheckpoint,
} from "../src/index.js";
import {
  awqTensors,
  floatTensor,
  ggufBytes,
  gptqTensors,
  halfWeight,
  safetensorsBytes,
  type TestTensor,
  temporaryFolder,
  tensor,
  write,
} from "./support.js";

const folder = temporaryFolder();
const shape = { outFeatures: 24, inFeatures: 128, groupSize: 32 };
const [N, K, GROUPS] = [24, 128, 4];
const linear = { outFeatures: N, inFeatures: K };
const characters = (text: string) => new TextEncoder().encode(text);

async function load(path: string, name = "a.b"): Promise<Int4Weight> {
  await using checkpoint = await openCheckpoint(path);
  return await loadLinear(checkpoint, name);
}

/** A folder with model.safetensors and a JSON file beside it. */
function model(name: string, tensors: TestTensor[], json?: [name: string, value: unknown]): string {
  const path = join(folder, name);
  mkdirSync(path);
  write(path, "model.safetensors", safetensorsBytes(tensors));
  if (json) write(path, json[0], JSON.stringify(json[1]));
  return path;
}

describe("HQQ", () => {
  const golden = readGolden().find(({ name }) => name.startsWith("c0_"))!;
  const { q, scale, zero, hqq_4bit_u8: packed } = golden.tensors;
  const groups = (golden.N * golden.K) / golden.group_size;
  const layer = (changes: Record<string, TestTensor | undefined> = {}): TestTensor[] => {
    const tensors: Record<string, TestTensor | undefined> = {
      W_q: tensor("a.b.W_q", "U8", [groups / 2, golden.group_size], packed!.data),
      scale: tensor("a.b.scale", "F32", [groups, 1], scale!.data),
      zero: tensor("a.b.zero", "F32", [groups, 1], zero!.data),
      nbits: tensor("a.b.nbits", "I32", [], Int32Array.of(4)),
      group_size: tensor("a.b.group_size", "I32", [], Int32Array.of(golden.group_size)),
      shape: tensor("a.b.shape", "I64", [2], BigInt64Array.of(BigInt(golden.N), BigInt(golden.K))),
      axis: tensor("a.b.axis", "I32", [], Int32Array.of(1)),
      packing: tensor("a.b.packing", "U8", [7], characters("4bit_u8")),
      view_as_float: tensor("a.b.view_as_float", "U8", [], Uint8Array.of(0)),
      quant_zero: tensor("a.b.quant_zero", "U8", [], Uint8Array.of(0)),
      ...changes,
    };
    return Object.values(tensors).filter((t) => t !== undefined);
  };
  const file = (name: string, changes?: Record<string, TestTensor | undefined>) =>
    write(folder, name, safetensorsBytes(layer(changes)));

  test("the public quantizer's tensors dequantize to its (q − z)·s", async () => {
    const values = dequantize(await load(file("hqq.safetensors")));
    expect(values.length).toBe(golden.N * golden.K);
    for (let i = 0; i < values.length; i++) {
      const group = Math.floor(i / golden.group_size);
      const difference = Math.fround(q!.data[i]! - zero!.data[group]!);
      expect(values[i]).toBe(Math.fround(difference * scale!.data[group]!));
    }
  });

  test("W_q viewed as float is the same bytes", async () => {
    const viewed = tensor("a.b.W_q", "F16", [groups / 2, golden.group_size / 2], packed!.data);
    expect(await load(file("hqq-float.safetensors", { W_q: viewed }))).toEqual(
      await load(file("hqq.safetensors")),
    );
  });

  test.each<[string, Record<string, TestTensor | undefined>, RegExp]>([
    ["3 bits", { nbits: tensor("a.b.nbits", "I32", [], Int32Array.of(3)) }, /4-bit HQQ.*3-bit/],
    ["axis 0", { axis: tensor("a.b.axis", "I32", [], Int32Array.of(0)) }, /axis=1.*axis=0/],
    [
      "quantized zeros",
      { quant_zero: tensor("a.b.quant_zero", "U8", [], Uint8Array.of(1)) },
      /quant_zero=False/,
    ],
    [
      "another packing",
      { packing: tensor("a.b.packing", "U8", [8], characters("4bit_i32")) },
      /4bit_u8.*4bit_i32/,
    ],
    ["no shape", { shape: undefined }, /a\.b\.shape/],
  ])("%s is refused by name", async (name, changes, message) => {
    await expect(load(file(`hqq ${name}.safetensors`, changes))).rejects.toThrow(message);
  });
});

describe("GPTQ", () => {
  const weight = halfWeight(1, shape, "whole");
  const layer = (version: 1 | 2, packed = weight.packed, gIdx?: Int32Array) =>
    gptqTensors("a.b", { ...weight, packed }, version, gIdx);
  const config = (format?: string) => ({
    quant_method: "gptq",
    bits: 4,
    group_size: 32,
    desc_act: false,
    ...(format && { checkpoint_format: format }),
  });

  test.each([
    [1, undefined],
    [1, "gptq"],
    [2, "gptq_v2"],
  ] as const)("version %i, checkpoint_format %s", async (version, format) => {
    const gIdx = Int32Array.from({ length: K }, (_, k) => Math.floor(k / 32));
    const path = model(`gptq ${format}`, layer(version, weight.packed, gIdx), [
      "config.json",
      { quantization_config: config(format) },
    ]);
    expect(await load(path)).toEqual(weight);
  });

  test("quantize_config.json of AutoGPTQ", async () => {
    expect(await load(model("auto", layer(1), ["quantize_config.json", config()]))).toEqual(weight);
  });

  test("act-order is refused by name, or given with the order of activations", async () => {
    // Stored in-feature k was the order[k]-th in the quantizer's order.
    const order = Uint32Array.from({ length: K }, (_, k) => (k * 37 + 5) % K);
    const inverse = new Uint32Array(K);
    for (const [k, position] of order.entries()) inverse[position] = k;
    const stored = gatherInFeatures(weight.packed, { outFeatures: N, inFeatures: K }, order);
    const gIdx = Int32Array.from(order, (position) => Math.floor(position / 32));
    const path = model("act-order", layer(2, stored, gIdx), [
      "quantize_config.json",
      config("gptq_v2"),
    ]);
    await expect(load(path)).rejects.toThrow(/act-order.*W4A16_ACT_ORDER/);
    await using checkpoint = await openCheckpoint(path);
    const loaded = await loadOrderedLinear(checkpoint, "a.b");
    // W[n, order[i]] of the stored layer is the loaded W[n, i], for every code and its group.
    const values = dequantize(loaded.weight);
    const original = dequantize(weight);
    for (let n = 0; n < N; n++) {
      for (let i = 0; i < K; i++) {
        const position = order[loaded.order![i]!]!;
        expect(values[n * K + i]).toBe(original[n * K + position]);
      }
    }
    // And compared with what it was made from, in the order of the activations.
    const float = new Float32Array(N * K);
    for (let n = 0; n < N; n++) {
      for (let k = 0; k < K; k++) float[n * K + k] = original[n * K + order[k]!]!;
    }
    const source = write(
      folder,
      "act-order-float.safetensors",
      safetensorsBytes([floatTensor("a.b.weight", [N, K], float)]),
    );
    const check = await verifyCheckpoint(path, { against: source });
    expect(check.layers).toEqual([{ name: "a.b", relative: 0, largest: 0 }]);
    const same = await verifyCheckpoint(path, { against: path });
    expect(same.layers).toEqual([{ name: "a.b", relative: 0, largest: 0 }]);
    const out = join(folder, "act-order.out");
    for (const to of ["w4a16", "onnx"] as const) {
      await expect(convertCheckpoint(path, out, { to })).rejects.toThrow(/a\.b.*W4A16_ACT_ORDER/);
    }
  });

  test.each([
    ["3 bits", { ...config(), bits: 3 }, /4 bits/],
    ["marlin", config("marlin"), /gptq or gptq_v2.*marlin/],
    ["bitsandbytes", { ...config(), quant_method: "bitsandbytes" }, /gptq or awq/],
    ["group_size 48", { ...config(), group_size: 48 }, /group size 48/],
  ])("%s is refused by name", async (name, value, message) => {
    const path = model(`gptq refused ${name}`, layer(1), ["quantize_config.json", value]);
    await expect(load(path)).rejects.toThrow(message);
  });

  test("qweight without a config is refused", async () => {
    await expect(load(model("no config", layer(1)))).rejects.toThrow(/quantization_config/);
  });
});

describe("AWQ", () => {
  const weight = halfWeight(2, shape, "whole");
  const layer = awqTensors("a.b", weight);
  const config = {
    quant_method: "awq",
    bits: 4,
    group_size: 32,
    version: "gemm",
    zero_point: true,
  };

  test("GEMM", async () => {
    const json = { quantization_config: config };
    expect(await load(model("awq", layer, ["config.json", json]))).toEqual(weight);
  });

  test("GEMV is refused by name", async () => {
    const json = { quantization_config: { ...config, version: "gemv" } };
    await expect(load(model("gemv", layer, ["config.json", json]))).rejects.toThrow(/gemm.*gemv/);
  });
});

describe("MLX", () => {
  const weight = halfWeight(3, shape);
  const biases = zerosToBiases(weight.zeros, weight.scales);
  const byRow = (values: Float32Array) => transposeFloats(values, GROUPS, N);
  const layer = [
    tensor("a.b.weight", "U32", [N, K / 8], toMlx(weight.packed, linear)),
    floatTensor("a.b.scales", [N, GROUPS], byRow(weight.scales)),
    floatTensor("a.b.biases", [N, GROUPS], byRow(biases)),
  ];
  const four = { group_size: shape.groupSize, bits: 4 };
  const eight = { group_size: shape.groupSize / 2, bits: 8 };
  const saved = (name: string, config?: object) =>
    load(config ? model(name, layer, ["config.json", config]) : model(name, layer));

  test("to one rounding of the zeros", async () => {
    const loaded = await saved("mlx", { quantization: four });
    expect({ ...loaded, zeros: null }).toEqual({ ...weight, zeros: null });
    for (const [i, zero] of loaded.zeros.entries()) expect(zero).toBeCloseTo(weight.zeros[i]!, 5);
  });

  test("a layer's own settings come first", async () => {
    const own = { quantization: { ...eight, "a.b": four, "a.c": eight, lm_head: false } };
    expect((await saved("mlx-own", own)).packed).toEqual(weight.packed);
  });

  // The tensors of 8 bits in groups of half the size have the same dtypes and shapes.
  test.each<[string, object | undefined, RegExp]>([
    ["8 bits", { quantization: eight }, /4-bit affine MLX.*bits 8.*UNSUPPORTED_FORMAT/],
    ["8 bits of one layer", { quantization: { ...four, "a.b": eight } }, /layer a\.b: .*bits 8/],
    ["another mode", { quantization: { ...four, mode: "mxfp4" } }, /mode mxfp4/],
    ["nothing said of them", {}, /quantization of its MLX layers.*one without/],
    ["no config.json", undefined, /quantization of its MLX layers.*no such file/],
    ["another group size", { quantization: { ...four, group_size: 16 } }, /groups of 16/],
  ])("%s is refused", async (name, config, message) => {
    await expect(saved(`mlx ${name}`, config)).rejects.toThrow(message);
  });
});

describe("GGUF", () => {
  test("Q4_0, with scales of either sign", async () => {
    const weight = halfWeight(4, shape, "eight");
    weight.scales[3]! *= -1;
    const d = encodeFloat16(weight.scales);
    const blocks = toGgufQ4_0({ packed: weight.packed, d }, linear);
    const bytes = ggufBytes([tensor("a.b.weight", "Q4_0", [N, K], blocks)]);
    expect(await load(write(folder, "q4_0.gguf", bytes))).toEqual(weight);
  });

  test("Q4_1, and a constant block, which has a scale of 0", async () => {
    const weight = halfWeight(5, shape, "whole");
    const d = encodeFloat16(weight.scales);
    const m = encodeFloat16(zerosToBiases(weight.zeros, weight.scales));
    d[7] = 0;
    m[7] = 0x3800; // 0.5
    const blocks = toGgufQ4_1({ packed: weight.packed, d, m }, linear);
    const bytes = ggufBytes([tensor("a.b.weight", "Q4_1", [N, K], blocks)]);
    const loaded = dequantize(await load(write(folder, "q4_1.gguf", bytes)));
    const expected = dequantize(weight);
    for (let i = 0; i < expected.length; i++) {
      const parameter = Math.floor((i % K) / 32) * N + Math.floor(i / K);
      if (parameter === 7) expect(loaded[i]).toBe(0.5);
      else expect(loaded[i]).toBeCloseTo(expected[i]!, 3);
    }
  });
});

describe("float checkpoints", () => {
  const values = Float32Array.from({ length: 8 }, (_, i) => i - 3.5);

  test.each(["F32", "F16", "BF16"] as const)("%s is listed, and not loaded", async (dtype) => {
    const path = write(
      folder,
      `${dtype}.safetensors`,
      safetensorsBytes([floatTensor("a.b.weight", [2, 4], values, dtype)]),
    );
    await using checkpoint = await openCheckpoint(path);
    const layer = checkpoint.layers.get("a.b")!;
    expect(layer).toMatchObject({ format: "float", outFeatures: 2, inFeatures: 4 });
    await expect(loadLinear(checkpoint, "a.b")).rejects.toThrow(/w4a16 quantize.*NOT_QUANTIZED/);
    await expect(loadLinear(checkpoint, "a.c")).rejects.toThrow(/a\.b.*LAYER_NOT_FOUND/);
    await expect(loadLinear("a.safetensors" as never, "a.c")).rejects.toThrow(/openCheckpoint/);
  });

  test("shards named by an index", async () => {
    const sharded = join(folder, "sharded");
    mkdirSync(sharded);
    for (const i of [1, 2]) {
      const bytes = safetensorsBytes([floatTensor(`layer${i}.weight`, [2, 4], values)]);
      write(sharded, `model-0000${i}-of-00002.safetensors`, bytes);
    }
    const weight_map = {
      "layer1.weight": "model-00001-of-00002.safetensors",
      "layer2.weight": "model-00002-of-00002.safetensors",
    };
    write(sharded, "model.safetensors.index.json", JSON.stringify({ metadata: {}, weight_map }));
    await using checkpoint = await openCheckpoint(sharded);
    expect([...checkpoint.layers.keys()]).toEqual(["layer1", "layer2"]);
    const bytes = await checkpoint.store.read("layer2.weight");
    expect(new Float32Array(bytes.buffer)).toEqual(values);
  });
});
