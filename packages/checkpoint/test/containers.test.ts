/** Strict JSON, and containers at their edges. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { encodeFloat16 } from "@w4a16/core";
import { toGgufQ4_0 } from "@w4a16/packing";
import { randomNormal, seededRandom } from "@w4a16/reference/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  convertCheckpoint,
  loadLinear,
  openCheckpoint,
  quantizeCheckpoint,
  verifyCheckpoint,
} from "../src/index.js";
import { parseStrictJson } from "../src/io/strict-json.js";
import { w4a16Bytes, w4a16Metadata, w4a16Specs } from "../src/linear/w4a16.js";
import {
  floatTensor,
  ggufBytes,
  gptqTensors,
  halfWeight,
  safetensorsBytes,
  temporaryFolder,
  tensor,
  tensorsOf,
  write,
} from "./support.js";

const folder = temporaryFolder();
const options = { subject: "test", code: "W4A16_INVALID_JSON" } as const;

describe("what is often taken for a checkpoint is named, with what helps", () => {
  test.each([
    [
      "PK\x03\x04\x00\x00\x08\x08\x00\x00\x00\x00",
      /zip archive, as torch\.save.*safetensors library/,
    ],
    ["\x80\x02}q\x00(X\x00\x00\x00\x00", /pickle/],
    ["version https://git-lfs.github.com/spec/v1\noid sha256:1\n", /LFS pointer.*git lfs pull/],
    ["<!doctype html><html>", /web page/],
    ["\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\x03q.gz", /gzip/],
    ["<", /web page/],
  ])("%j", async (text, message) => {
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
    const alone = openCheckpoint(write(folder, "other", bytes));
    await expect(alone).rejects.toThrow(message);
    await expect(alone).rejects.toMatchObject({ code: "W4A16_UNKNOWN_CONTAINER" });
    const home = join(folder, "shards-of-another-kind");
    mkdirSync(home, { recursive: true });
    write(home, "one.safetensors", bytes);
    const index = { weight_map: { a: "one.safetensors" } };
    write(home, "model.safetensors.index.json", JSON.stringify(index));
    await expect(openCheckpoint(home)).rejects.toThrow(message);
  });

  test("a header of the length that a zip archive begins with is read", async () => {
    const length = 0x04034b50;
    const file = new Uint8Array(8 + length).fill(0x20);
    new DataView(file.buffer).setBigUint64(0, BigInt(length), true);
    file.set(new TextEncoder().encode("{}"), 8);
    await using checkpoint = await openCheckpoint(write(folder, "zip", file));
    expect(checkpoint.layers.size).toBe(0);
  });
});

describe("strict JSON", () => {
  test("reads what JSON.stringify writes", () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 8 }),
        fc.integer({ min: 0, max: 2 }),
        (value, indent) => {
          const text = JSON.stringify(value, null, indent);
          expect(parseStrictJson(text, options)).toEqual(JSON.parse(text));
        },
      ),
    );
  });

  test("never does more than throw a typed error", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'{}[]":,\\u0a1 ') }), (text) => {
        let result: unknown;
        try {
          result = parseStrictJson(text, options);
        } catch (error) {
          expect(error).toMatchObject({ code: "W4A16_INVALID_JSON" });
          return;
        }
        expect(result).toEqual(JSON.parse(text));
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['{"a":1,"b":{"a":2},"a":3}', /a twice/],
    ['{"a":1,"\\u0061":3}', /a twice/],
    ["[[[[1]]]]", /nesting of at most 3/],
    ['{"a":', /well-formed/],
  ])("%s", (text, message) => {
    expect(() => parseStrictJson(text, { ...options, maxDepth: 3 })).toThrow(message);
  });

  test("bytes that are no UTF-8", () => {
    expect(() => parseStrictJson(Uint8Array.of(0x22, 0xff, 0x22), options)).toThrow(/UTF-8/);
  });
});

test("a file that becomes shorter while it is open", async () => {
  const values = new Float32Array(64);
  const bytes = safetensorsBytes([floatTensor("a.weight", [8, 8], values)]);
  const path = write(folder, "shorter.safetensors", bytes);
  await using checkpoint = await openCheckpoint(path);
  truncateSync(path, bytes.length - 4);
  await expect(checkpoint.store.read("a.weight")).rejects.toMatchObject({
    code: "W4A16_FILE_UNREADABLE",
    expected: `${bytes.length} bytes, as when it was opened`,
    received: `a file that ends at byte ${bytes.length - 4}`,
  });
});

test("a GGUF header longer than the first read", async () => {
  const long = Object.fromEntries(
    Array.from({ length: 40 }, (_, i) => [`key${i}`, "x".repeat(60_000)]),
  );
  const values = Float32Array.of(1, 2, 3, 4);
  const path = write(
    folder,
    "long.gguf",
    ggufBytes([tensor("a.weight", "F32", [2, 2], values)], long),
  );
  await using checkpoint = await openCheckpoint(path);
  expect(checkpoint.store.metadata.get("key39")).toBe("x".repeat(60_000));
  const bytes = await checkpoint.store.read("a.weight");
  expect(new Float32Array(bytes.buffer)).toEqual(values);
});

describe("our own format", () => {
  const shape = { outFeatures: 8, inFeatures: 64, groupSize: 32 };
  const weight = { ...halfWeight(1, shape), signed: true };
  const file = (name: string, metadata: Record<string, string>) => {
    const tensors = tensorsOf(w4a16Specs("a", shape), w4a16Bytes(weight));
    return write(folder, name, safetensorsBytes(tensors, metadata));
  };
  const metadata = w4a16Metadata(new Map([["a", { signed: true, groupSize: 32 }]]));

  test("keeps signed codes, also through a conversion", async () => {
    const path = file("signed.safetensors", metadata);
    const copy = join(folder, "signed-copy.safetensors");
    await convertCheckpoint(path, copy, { to: "w4a16" });
    for (const each of [path, copy]) {
      await using checkpoint = await openCheckpoint(each);
      expect(await loadLinear(checkpoint, "a")).toEqual(weight);
    }
  });

  test.each([
    ["another version", { ...metadata, "w4a16.version": "2" }, /w4a16\.version.*newer w4a16/],
    ["no list of layers", { "w4a16.version": "1" }, /w4a16\.layers/],
    [
      "a layer that is not there",
      w4a16Metadata(new Map([["b", { signed: true, groupSize: 32 }]])),
      /b\.packed/,
    ],
    [
      "another group size",
      w4a16Metadata(new Map([["a", { signed: true, groupSize: 64 }]])),
      /groupSize 32/,
    ],
  ])("%s is refused", async (name, changed, message) => {
    await expect(openCheckpoint(file(`${name}.safetensors`, changed))).rejects.toThrow(message);
  });
});

test("a result that is awaited after closing says so", async () => {
  const path = write(
    folder,
    "closed.safetensors",
    safetensorsBytes([floatTensor("a.weight", [2, 2], new Float32Array(4))]),
  );
  const checkpoint = await openCheckpoint(path);
  await checkpoint.close();
  await checkpoint.close();
  await expect(checkpoint.store.read("a.weight")).rejects.toThrow(/a closed one.*return await/);
});

test("shards of a model quantize to the file that the whole model does", async () => {
  const sharded = join(folder, "sharded");
  mkdirSync(sharded);
  const random = seededRandom(9);
  const tensors = ["a", "b"].map((name) =>
    floatTensor(`${name}.weight`, [16, 64], randomNormal(random, 1024), "BF16"),
  );
  const weight_map: Record<string, string> = {};
  for (const [i, each] of tensors.entries()) {
    const shard = `model-0000${i + 1}-of-00002.safetensors`;
    write(sharded, shard, safetensorsBytes([each]));
    weight_map[each.name] = shard;
  }
  write(sharded, "model.safetensors.index.json", JSON.stringify({ weight_map }));
  const whole = write(folder, "whole.safetensors", safetensorsBytes(tensors));
  const outputs = [join(folder, "from-shards"), join(folder, "from-whole")] as const;
  await quantizeCheckpoint(sharded, outputs[0]);
  await quantizeCheckpoint(whole, outputs[1]);
  expect(readFileSync(outputs[0])).toEqual(readFileSync(outputs[1]));
  expect((await verifyCheckpoint(outputs[0], { against: sharded })).ok).toBe(true);
});

describe("quantizing what is quantized in part", () => {
  const values = (seed: number) => randomNormal(seededRandom(seed), 16 * 64);
  const head = floatTensor("head.weight", [16, 64], values(3));
  const shape = { outFeatures: 16, inFeatures: 64, groupSize: 32 };
  const gptq = (name: string, gIdx?: Int32Array) => {
    const path = join(folder, name);
    mkdirSync(path);
    const layer = gptqTensors("a", halfWeight(2, shape, "whole"), 2, gIdx);
    write(path, "model.safetensors", safetensorsBytes([...layer, head]));
    const config = { quant_method: "gptq", bits: 4, group_size: 32, checkpoint_format: "gptq_v2" };
    write(path, "config.json", JSON.stringify({ quantization_config: config }));
    return path;
  };
  const parts: Record<string, () => string | Promise<string>> = {
    "our own": async () => {
      const float = floatTensor("a.weight", [16, 64], values(1));
      const source = write(folder, "steps.safetensors", safetensorsBytes([float, head]));
      const step = join(folder, "step.safetensors");
      await quantizeCheckpoint(source, step, { include: ["a"], groupSize: 16, method: "minmax" });
      return step;
    },
    "our own, with signed codes": () => {
      const layer = tensorsOf(
        w4a16Specs("a", shape),
        w4a16Bytes({ ...halfWeight(1, shape), signed: true }),
      );
      const metadata = w4a16Metadata(new Map([["a", { signed: true, groupSize: 32 }]]));
      return write(folder, "signed-step", safetensorsBytes([...layer, head], metadata));
    },
    GPTQ: () => gptq("gptq-step"),
    GGUF: () => {
      const weight = halfWeight(4, shape, "eight");
      const d = encodeFloat16(weight.scales);
      const blocks = toGgufQ4_0({ packed: weight.packed, d }, { outFeatures: 16, inFeatures: 64 });
      return write(
        folder,
        "step.gguf",
        ggufBytes([tensor("a.weight", "Q4_0", [16, 64], blocks), head]),
      );
    },
  };

  test("a quantized layer that was left out is missing, says verify", async () => {
    const all = join(folder, "all");
    const part = join(folder, "part");
    await quantizeCheckpoint(await parts["our own"]!(), all, { include: ["*"] });
    await convertCheckpoint(all, part, { to: "hqq", include: ["a"] });
    const check = await verifyCheckpoint(part, { against: all });
    expect(check.ok).toBe(false);
    expect(check.layers).toEqual([
      { name: "a", relative: 0, largest: 0 },
      { name: "head", problem: "missing: the original has it" },
    ]);
  });

  test("a float matrix of its name is no such layer", async () => {
    // Beside the quantized layer, the matrix keeps its full name; alone, it has the layer's.
    const beside = floatTensor("a.weight", [16, 64], values(1));
    const layer = tensorsOf(w4a16Specs("a", shape), w4a16Bytes(halfWeight(1, shape)));
    const metadata = w4a16Metadata(new Map([["a", { signed: false, groupSize: 32 }]]));
    const both = write(folder, "both", safetensorsBytes([...layer, beside], metadata));
    const alone = write(folder, "alone", safetensorsBytes([beside]));
    const check = await verifyCheckpoint(alone, { against: both });
    expect(check.layers).toEqual([{ name: "a", problem: "missing: the original has it" }]);
  });

  test.each(Object.keys(parts))("%s: no layer is lost, and none changes", async (name) => {
    const step = await parts[name]!();
    const out = join(folder, `all of ${name}`);
    const report = await quantizeCheckpoint(step, out, { include: ["*"] });
    expect(report).toMatchObject({ carried: ["a"], copied: 0, skipped: [] });
    expect(report.layers.map((layer) => layer.name)).toEqual(["head"]);
    await using before = await openCheckpoint(step);
    await using after = await openCheckpoint(out);
    expect([...after.layers.values()].map((layer) => `${layer.name} ${layer.format}`)).toEqual([
      "a w4a16",
      "head w4a16",
    ]);
    expect(await loadLinear(after, "a")).toEqual(await loadLinear(before, "a"));
    const check = await verifyCheckpoint(out, { against: step });
    expect(check.ok).toBe(true);
    expect(check.layers[0]).toEqual({ name: "a", relative: 0, largest: 0 });
  });

  test("a layer in act-order is refused by name, before anything is quantized", async () => {
    const step = gptq(
      "act-order-step",
      Int32Array.from({ length: 64 }, (_, k) => k % 2),
    );
    const quantized: string[] = [];
    await expect(
      quantizeCheckpoint(step, join(folder, "act-order-out"), {
        include: ["*"],
        onProgress: ({ name }) => quantized.push(name),
      }),
    ).rejects.toThrow(/layer a: .*Quantize the float model.*W4A16_ACT_ORDER/);
    expect(quantized).toEqual([]);
  });
});

test("parameters beyond float16 are refused, not written as infinite ones", async () => {
  const shape = { outFeatures: 8, inFeatures: 32, groupSize: 32 };
  const metadata = w4a16Metadata(new Map([["a", { signed: false, groupSize: 32 }]]));
  for (const [scale, zero, expected] of [
    [65504, 8, undefined],
    [65519, 8, undefined],
    [-1e6, 8, { subject: "layer a: scales[0]", received: "-1000000" }],
    [65504, 1.5, { subject: "layer a: biases[0]", received: "-98256" }],
  ] as const) {
    const weight = halfWeight(1, shape, "eight");
    const large = { ...weight, scales: weight.scales.fill(scale), zeros: weight.zeros.fill(zero) };
    const bytes = safetensorsBytes(tensorsOf(w4a16Specs("a", shape), w4a16Bytes(large)), metadata);
    const path = write(folder, "large.safetensors", bytes);
    const out = join(folder, "large.gguf");
    const to = zero === 8 ? "q4_0" : "q4_1";
    const run = convertCheckpoint(path, out, { to });
    if (expected) {
      await expect(run).rejects.toMatchObject({ code: "W4A16_INVALID_VALUE", ...expected });
    } else expect(await run).toMatchObject({ layers: ["a"] });
  }
});

test.skipIf(process.platform === "win32")(
  "a named pipe is no checkpoint, and nobody waits for it",
  async () => {
    const pipe = join(folder, "pipe.safetensors");
    execFileSync("mkfifo", [pipe]);
    await expect(openCheckpoint(pipe)).rejects.toThrow(/a file.*W4A16_FILE_UNREADABLE/);
  },
);

test("layers whose names are no file names get some, no two the same", async () => {
  const names = ["../up", "a/b", "a_b", "A_B", "."];
  const shape = { outFeatures: 8, inFeatures: 32, groupSize: 32 };
  const weight = halfWeight(1, shape);
  const tensors = names.flatMap((name) => tensorsOf(w4a16Specs(name, shape), w4a16Bytes(weight)));
  const entries = names.map((name) => [name, { signed: false, groupSize: 32 }] as const);
  const bytes = safetensorsBytes(tensors, w4a16Metadata(new Map(entries)));
  const models = join(folder, "models");
  await convertCheckpoint(write(folder, "names.safetensors", bytes), models, { to: "onnx" });
  expect(readdirSync(models).sort()).toEqual(
    ["A_B-3.onnx", "__up.onnx", "_.onnx", "a_b-2.onnx", "a_b.onnx"].sort(),
  );
});
