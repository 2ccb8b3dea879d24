/** Names of tensors that a program could mistake for others. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { randomNormal, seededRandom } from "@w4a16/reference/testing";
import { expect, test } from "vitest";
import {
  convertCheckpoint,
  openCheckpoint,
  quantizeCheckpoint,
  verifyCheckpoint,
} from "../src/index.js";
import { ggufBytes as q4Bytes } from "../src/linear/gguf.js";
import {
  floatTensor,
  ggufBytes,
  halfWeight,
  safetensorsBytes,
  type TestTensor,
  temporaryFolder,
  tensor,
  write,
} from "./support.js";

const folder = temporaryFolder();
const random = seededRandom(9);
const matrix = (name: string) => floatTensor(name, [32, 64], randomNormal(random, 32 * 64));
const bytes = (name: string) => tensor(name, "U8", [4], Uint8Array.of(1, 2, 3, 4));
const file = (tensors: TestTensor[]) => write(folder, "in.safetensors", safetensorsBytes(tensors));

test.each([
  ["a matrix beside another of its name", [matrix("x.weight"), matrix("x")], ["x.weight", "x"]],
  ["in the other order", [matrix("x"), matrix("x.weight")], ["x", "x.weight"]],
  ["no name at all", [matrix("")], [""]],
  ["a suffix only", [matrix(".weight")], [""]],
  ["a suffix without its dot", [matrix("weight")], ["weight"]],
  ["a property of every object", [matrix("__proto__")], ["__proto__"]],
  ["what a copy could be called", [matrix("copy b"), bytes("b")], ["copy b"]],
])("%s: quantized, converted and verified", async (_, tensors, names) => {
  const input = file(tensors);
  const output = join(folder, "out.safetensors");
  const { layers } = await quantizeCheckpoint(input, output);
  expect(layers.map(({ name }) => name).sort()).toEqual([...names].sort());
  for (const to of ["w4a16", "hqq", "q4_1"] as const) {
    const converted = join(folder, `out.${to}`);
    await convertCheckpoint(output, converted, { to });
    const report = await verifyCheckpoint(converted, { against: output, maxError: 0.001 });
    expect(report.layers.length).toBe(names.length);
    // GGUF has no place for bytes.
    expect(report.problems.map(({ name }) => name)).toEqual(
      to === "q4_1" ? tensors.filter(({ dtype }) => dtype === "U8").map(({ name }) => name) : [],
    );
    await using checkpoint = await openCheckpoint(converted);
    expect([...checkpoint.layers.keys()].sort()).toEqual([...names].sort());
  }
});

test("embeddings, heads and scales are left in float unless they are asked for", async () => {
  const left = ["token_embd", "model.embed_tokens", "wte", "lm_head", "output", "a.weight_scale"];
  const made = ["blk.0.attn_output", "x.scaled"];
  const input = file([...left, ...made].map((name) => matrix(`${name}.weight`)));
  const output = join(folder, "out.safetensors");
  const { layers } = await quantizeCheckpoint(input, output);
  expect(layers.map(({ name }) => name).sort()).toEqual(made);
  const all = await quantizeCheckpoint(input, output, { include: ["*"] });
  expect(all.layers.length).toBe(left.length + made.length);
});

test("a conversion tells which layers it leaves out", async () => {
  const output = join(folder, "out.safetensors");
  await quantizeCheckpoint(file([matrix("a"), matrix("b")]), output);
  for (const to of ["hqq", "onnx"] as const) {
    const converted = join(folder, `left-${to}`);
    const { layers, skipped } = await convertCheckpoint(output, converted, { to, exclude: ["b"] });
    expect({ layers, skipped }).toMatchObject({ layers: ["a"], skipped: [{ name: "b" }] });
  }
});

test("GGUF gets no tensor that its readers refuse, and the report says why", async () => {
  const long = `${"n".repeat(60)}.bias`;
  const input = file([
    matrix("x.weight"),
    floatTensor("patch.weight", [2, 2, 2, 2, 2], new Float32Array(32)),
    floatTensor("fits.weight", [2, 2, 2, 4], new Float32Array(32)),
    floatTensor(long, [32], new Float32Array(32)),
  ]);
  const output = join(folder, "out.safetensors");
  await quantizeCheckpoint(input, output);
  for (const to of ["q4_0", "q4_1"] as const) {
    const converted = join(folder, `out.${to}`);
    const report = await convertCheckpoint(output, converted, { to, requantize: true });
    expect(report.copied).toBe(1);
    expect(report.skipped).toEqual([
      { name: long, reason: expect.stringMatching(/^a name of 65 bytes.*63$/) },
      { name: "patch.weight", reason: "5 dimensions, and GGUF has at most 4" },
    ]);
    await using checkpoint = await openCheckpoint(converted);
    expect([...checkpoint.store.tensors.keys()].sort()).toEqual(["fits.weight", "x.weight"]);
  }
});

test("a layer whose name is too long for GGUF is refused, and its bytes count", async () => {
  const output = join(folder, "out.safetensors");
  const converted = join(folder, "long.gguf");
  for (const [name, fits] of [
    ["é".repeat(28), true],
    ["é".repeat(29), false],
  ] as const) {
    await quantizeCheckpoint(file([matrix(name)]), output);
    const run = convertCheckpoint(output, converted, { to: "q4_1" });
    if (fits) await run;
    else
      await expect(run).rejects.toThrow(
        /é\.weight: .*65 bytes.*--exclude.*W4A16_UNSUPPORTED_FORMAT/,
      );
  }
});

test("a tensor that GGUF may call __metadata__ is left out of safetensors", async () => {
  const weight = halfWeight(1, { outFeatures: 4, inFeatures: 32, groupSize: 32 }, "eight");
  const input = write(
    folder,
    "in.gguf",
    ggufBytes([
      tensor("a.weight", "Q4_0", [4, 32], q4Bytes(weight, "Q4_0")[0]!),
      floatTensor("__metadata__", [4], new Float32Array(4)),
    ]),
  );
  const output = join(folder, "metadata.safetensors");
  const report = await convertCheckpoint(input, output, { to: "w4a16" });
  expect(report.skipped.map(({ name }) => name)).toEqual(["__metadata__"]);
  await using checkpoint = await openCheckpoint(output);
  expect([...checkpoint.layers.keys()]).toEqual(["a"]);
});

test("a tensor that is gone is missed, though a float layer has its name", async () => {
  const original = write(
    folder,
    "original",
    safetensorsBytes([matrix("x.weight"), bytes("x"), matrix("y.weight")]),
  );
  const output = join(folder, "out.safetensors");
  await quantizeCheckpoint(original, output, { include: ["y"] });
  await using checkpoint = await openCheckpoint(output);
  const kept = [...checkpoint.store.tensors.values()].filter(({ name }) => name !== "x");
  const tensors = await Promise.all(
    kept.map(async ({ name, dtype, shape }) =>
      tensor(name, dtype, shape, await checkpoint.store.read(name)),
    ),
  );
  const metadata = Object.fromEntries(checkpoint.store.metadata);
  const damaged = write(folder, "damaged", safetensorsBytes(tensors, metadata));
  const report = await verifyCheckpoint(damaged, { against: original });
  expect(report).toMatchObject({ ok: false, problems: [{ name: "x" }] });
});

test("an interrupted run does not take one item for another", async () => {
  const input = file([matrix("copy b"), bytes("b"), bytes("c")]);
  const output = join(folder, "resumed.safetensors");
  const controller = new AbortController();
  const run = quantizeCheckpoint(input, output, {
    signal: controller.signal,
    onProgress: ({ done }) => done > 32 * 64 * 4 && controller.abort(),
  });
  await expect(run).rejects.toThrow(/W4A16_ABORTED/);
  // The layer's codes, which come last in the file, are damaged; the copy of `b` is whole.
  const partial = `${output}.w4a16-partial`;
  const damaged = readFileSync(partial);
  damaged.fill(0, damaged.length - 100);
  writeFileSync(partial, damaged);
  expect(await quantizeCheckpoint(input, output)).toMatchObject({ resumed: 1 });
  expect(await verifyCheckpoint(output, { against: input })).toMatchObject({ ok: true });
});

test("a layer whose tensors would take the name of another is refused before anything is written", async () => {
  const run = quantizeCheckpoint(file([matrix("x.weight"), bytes("x.packed")]), join(folder, "no"));
  await expect(run).rejects.toThrow(/tensor x\.packed: .*W4A16_INVALID_CHECKPOINT/);
});
