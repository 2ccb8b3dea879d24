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
import {
  floatTensor,
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
