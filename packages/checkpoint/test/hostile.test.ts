/**
 * Hostile files: whatever a file says, opening it and loading all its layers
 * either works or throws a W4A16Error, in bounded time and memory, and touches no
 * file outside its folder. W4A16_FUZZ sets the number of files (`pnpm fuzz`: 100,000).
 */
import fs, { mkdirSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join, resolve, sep } from "node:path";
import { isW4A16Error } from "@w4a16/core";
import { toMlx } from "@w4a16/packing";
import { seededRandom } from "@w4a16/reference/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openCheckpoint } from "../src/index.js";
import { ggufBytes as ggufLayer } from "../src/linear/gguf.js";
import { hqqBytes, hqqSpecs } from "../src/linear/hqq.js";
import { w4a16Bytes, w4a16Metadata, w4a16Specs } from "../src/linear/w4a16.js";
import { mutateBytes, mutateJson, mutateSafetensors, mutateTensors } from "./mutate.js";
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
  tensorsOf,
} from "./support.js";

const FILES = Number(process.env.W4A16_FUZZ ?? 4000);
const folder = temporaryFolder();
const home = join(folder, "home");
mkdirSync(home);

const shape = { outFeatures: 8, inFeatures: 64, groupSize: 32 };
const linear = { outFeatures: 8, inFeatures: 64 };
const weight = halfWeight(1, shape, "whole");

const float = [
  floatTensor("a.weight", [4, 8], new Float32Array(32).fill(0.5), "BF16"),
  floatTensor("b.weight", [4, 8], new Float32Array(32).fill(0.5), "F16"),
  floatTensor("norm", [8], new Float32Array(8)),
];
const gIdx = Int32Array.from({ length: 64 }, (_, k) => k >> 5);
const gptq = gptqTensors("a", weight, 2, gIdx);
const awq = awqTensors("a", weight);
const mlx = [
  tensor("a.weight", "U32", [8, 8], toMlx(weight.packed, linear)),
  floatTensor("a.scales", [8, 2], weight.scales, "F16"),
  floatTensor("a.biases", [8, 2], weight.zeros, "F16"),
];
const config = (method: object) => ({ bits: 4, group_size: 32, ...method });

/** Files of a checkpoint; the first is the one that is opened. */
type Files = Record<string, Uint8Array | string>;
const json = (value: unknown) => JSON.stringify(value);

/** The same files around other tensors. */
const containers: Record<
  string,
  { tensors: TestTensor[]; pack: (tensors: TestTensor[]) => Files }
> = {};

/** A base whose first file holds `tensors`; `beside` are its other files. */
function base(
  name: string,
  tensors: TestTensor[],
  metadata: Record<string, string> = {},
  beside: Files = {},
): Files {
  const pack = (list: TestTensor[]): Files => ({
    "x.safetensors": safetensorsBytes(list, metadata),
    ...beside,
  });
  containers[name] = { tensors, pack };
  return pack(tensors);
}

const bases: Record<string, Files> = {
  float: base("float", float, { format: "pt" }),
  w4a16: base(
    "w4a16",
    tensorsOf(w4a16Specs("a", shape), w4a16Bytes(weight)),
    w4a16Metadata(new Map([["a", { signed: false, groupSize: 32 }]])),
  ),
  hqq: base("hqq", tensorsOf(hqqSpecs("a", shape), hqqBytes(weight))),
  gptq: base(
    "gptq",
    gptq,
    {},
    {
      "quantize_config.json": json(
        config({ quant_method: "gptq", checkpoint_format: "gptq_v2", desc_act: false }),
      ),
    },
  ),
  awq: base(
    "awq",
    awq,
    {},
    {
      "config.json": json({
        quantization_config: config({ quant_method: "awq", version: "gemm", zero_point: true }),
      }),
    },
  ),
  mlx: base(
    "mlx",
    mlx,
    {},
    { "config.json": json({ quantization: { bits: 4, group_size: 32, other: { bits: 8 } } }) },
  ),
  sharded: {
    "model.safetensors.index.json": json({
      metadata: { total_size: 160 },
      weight_map: {
        "a.weight": "model-00001-of-00002.safetensors",
        "b.weight": "model-00002-of-00002.safetensors",
      },
    }),
    "model-00001-of-00002.safetensors": safetensorsBytes(float.slice(0, 1)),
    "model-00002-of-00002.safetensors": safetensorsBytes(float.slice(1)),
  },
  gguf: {
    "x.gguf": ggufBytes(
      [
        tensor("a.weight", "Q4_1", [8, 64], ggufLayer(weight, "Q4_1")[0]!),
        tensor(
          "b.weight",
          "Q4_0",
          [8, 64],
          ggufLayer({ ...weight, zeros: new Float32Array(16).fill(8) }, "Q4_0")[0]!,
        ),
        floatTensor("norm", [8], new Float32Array(8)),
      ],
      { "general.name": "test" },
    ),
  },
};

/** Paths that were opened, read or looked at. */
const touched = new Set<string>();
const original = { open: fs.promises.open, readFile: fs.promises.readFile, stat: fs.promises.stat };

beforeAll(() => {
  for (const name of ["open", "readFile", "stat"] as const) {
    const call = original[name] as (...args: unknown[]) => unknown;
    Object.assign(fs.promises, {
      [name]: (path: unknown, ...rest: unknown[]) => {
        touched.add(resolve(String(path)));
        return call(path, ...rest);
      },
    });
  }
  syncBuiltinESMExports();
  // Bait: what a path trick would find.
  writeFileSync(join(folder, "outside.safetensors"), safetensorsBytes(float));
});

afterAll(() => {
  Object.assign(fs.promises, original);
  syncBuiltinESMExports();
});

/** Opens a checkpoint and loads everything in it. Gives the error's code, or undefined. */
async function outcome(files: Files): Promise<string | undefined> {
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(home, name), bytes);
  try {
    await using checkpoint = await openCheckpoint(join(home, Object.keys(files)[0]!));
    for (const layer of checkpoint.layers.values()) {
      if (layer.format !== "float") await layer.load();
    }
    for (const name of checkpoint.store.tensors.keys()) await checkpoint.store.read(name);
    return undefined;
  } catch (error) {
    if (isW4A16Error(error)) return error.code;
    throw error;
  }
}

test("every undamaged checkpoint loads", async () => {
  for (const files of Object.values(bases)) {
    for (const name of fs.readdirSync(home)) fs.rmSync(join(home, name));
    expect(await outcome(files)).toBeUndefined();
  }
});

describe.each(Object.entries(bases))("damaged: %s", (name, files) => {
  const count = Math.ceil(FILES / Object.keys(bases).length);
  test(`${count} files`, { timeout: 3_600_000 }, async () => {
    for (const old of fs.readdirSync(home)) fs.rmSync(join(home, old));
    touched.clear();
    const outcomes = new Map<string, number>();
    let slowest = 0;
    let memory = 0;
    for (let seed = 0; seed < count; seed++) {
      const random = seededRandom(seed * 8 + Object.keys(bases).indexOf(name));
      const container = containers[name];
      const inside = container !== undefined && random.uniform() < 0.5;
      const damaged = inside
        ? container.pack(mutateTensors(random, container.tensors) as TestTensor[])
        : { ...files };
      const names = Object.keys(files);
      const target = names[random.integer(0, names.length - 1)]!;
      for (let i = inside ? 0 : random.integer(1, 2); i > 0; i--) {
        const file = damaged[target]!;
        if (typeof file === "string") damaged[target] = mutateJson(random, file);
        else if (target.endsWith(".gguf")) damaged[target] = mutateBytes(random, file, 320);
        else if (file.length > 16)
          damaged[target] = safely(() => mutateSafetensors(random, file), file);
      }
      const start = performance.now();
      const code =
        (await outcome(damaged).catch((error) => {
          throw new Error(`seed ${seed} of ${name}: ${error}`, { cause: error });
        })) ?? "loads";
      slowest = Math.max(slowest, performance.now() - start);
      outcomes.set(code, (outcomes.get(code) ?? 0) + 1);
      if (seed % 256 === 0) memory = Math.max(memory, process.memoryUsage().rss);
    }
    const seen = [...outcomes].map(([code, n]) => `${code} ${n}`).join(", ");
    const [ms, mib] = [slowest.toFixed(0), (memory / 2 ** 20).toFixed(0)];
    if (process.env.W4A16_FUZZ) console.log(`${name}: slowest ${ms} ms, ${mib} MiB; ${seen}`);
    for (const path of touched) expect(path.startsWith(home + sep) || path === home).toBe(true);
    expect(slowest).toBeLessThan(5_000);
    expect(memory).toBeLessThan(2 ** 30);
    // Damage that is never noticed would mean that nothing is checked.
    expect(outcomes.size).toBeGreaterThan(1);
  });
});

/** A second mutation of a file may find no header left to mutate. */
function safely<T>(run: () => T, otherwise: T): T {
  try {
    return run();
  } catch {
    return otherwise;
  }
}

describe("by name", () => {
  const shard = (name: string): Files => ({
    "model.safetensors.index.json": json({ weight_map: { "a.weight": name } }),
  });
  test.each([
    "../outside.safetensors",
    "/etc/passwd",
    "..\\outside.safetensors",
    "sub/../../outside.safetensors",
    "%2e%2e/outside.safetensors",
    ".hidden.safetensors",
    "C:x.safetensors",
    "x.safetensors\0",
    "x.bin",
    "",
  ])("shard name %j", async (name) => {
    touched.clear();
    expect(await outcome(shard(name))).toBe("W4A16_UNSAFE_PATH");
    for (const path of touched) expect(path.startsWith(home + sep)).toBe(true);
  });

  const header = (text: string, data = 0): Files => {
    const bytes = new TextEncoder().encode(text);
    const file = new Uint8Array(8 + bytes.length + data);
    new DataView(file.buffer).setBigUint64(0, BigInt(bytes.length), true);
    file.set(bytes, 8);
    return { "x.safetensors": file };
  };
  const entry = (from: number, to: number) =>
    `{"dtype":"U8","shape":[${to - from}],"data_offsets":[${from},${to}]}`;

  test.each<[string, Files]>([
    ["an empty file", { "x.safetensors": new Uint8Array() }],
    ["no header", { "x.safetensors": new Uint8Array(16) }],
    ["a gap", header(`{"a":${entry(0, 4)},"b":${entry(6, 8)}}`, 8)],
    ["an overlap", header(`{"a":${entry(0, 6)},"b":${entry(4, 8)}}`, 8)],
    ["a truncated file", header(`{"a":${entry(0, 8)}}`, 4)],
    ["data without a tensor", header(`{"a":${entry(0, 8)}}`, 12)],
    ["a duplicate key", header(`{"a":${entry(0, 8)},"a":${entry(0, 8)}}`, 8)],
    ["a duplicate key in escapes", header(`{"a":${entry(0, 8)},"\\u0061":${entry(0, 8)}}`, 8)],
    ["a negative size", header('{"a":{"dtype":"U8","shape":[-8],"data_offsets":[0,8]}}', 8)],
    [
      "a size that wraps",
      header('{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}'),
    ],
    ["an unknown dtype", header('{"a":{"dtype":"Q8","shape":[8],"data_offsets":[0,8]}}', 8)],
    [
      "a dtype of another width",
      header('{"a":{"dtype":"F32","shape":[8],"data_offsets":[0,8]}}', 8),
    ],
    ["deep nesting", header(`{"a":${"[".repeat(1_000_000)}`)],
    [
      "two million tensors",
      header(`{${Array.from({ length: 2_000_000 }, (_, i) => `"${i}":{}`).join(",")}}`),
    ],
    ["thirty million values", header(`{"a":[{}${",{}".repeat(33_000_000)}]}`)],
    ["text before the header", header(` {"a":${entry(0, 8)}}`, 8)],
    ["metadata that are no text", header('{"__metadata__":{"a":1}}')],
  ])("%s", async (_, files) => {
    expect(await outcome(files)).toBe("W4A16_INVALID_SAFETENSORS");
  });

  const listed = (groupSize: string) => ({
    format: "w4a16",
    "w4a16.version": "1",
    "w4a16.layers": `{"a":{"signed":false,"groupSize":${groupSize}}}`,
  });
  test.each<[string, number, number, number, string]>([
    ["out-features none, in-features without end", 2 ** 45, 0, 2 ** 44, "4"],
    ["in-features none", 0, 8, 1, "0"],
    ["groups none", 32, 8, 0, "1e999"],
    ["more groups than in-features", 4, 8, 16, "0.5"],
  ])("a layer of our own: %s", async (_, half, n, groups, groupSize) => {
    const parameters = new Float32Array(groups * n);
    const bytes = safetensorsBytes(
      [
        tensor("a.packed", "U8", [half, n], new Uint8Array(half * n)),
        floatTensor("a.scales", [groups, n], parameters),
        floatTensor("a.zeros", [groups, n], parameters),
      ],
      listed(groupSize),
    );
    expect(await outcome({ "x.safetensors": bytes })).toBe("W4A16_INVALID_CHECKPOINT");
  });

  test("a name with control characters does not reach the terminal", async () => {
    const bytes = safetensorsBytes([floatTensor("\x1b[2Jevil", [2], new Float32Array(2))]);
    writeFileSync(join(home, "x.safetensors"), bytes);
    await using checkpoint = await openCheckpoint(join(home, "x.safetensors"));
    const error = await checkpoint.store.read("\x1b[2Jnone").catch((e: Error) => e);
    expect((error as Error).message).not.toContain("\x1b");
  });
});
