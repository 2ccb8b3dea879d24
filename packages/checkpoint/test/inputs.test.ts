/** No run writes over a file that it reads, whatever the output is called. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { randomNormal, seededRandom } from "@w4a16/reference/testing";
import { expect, test } from "vitest";
import { convertCheckpoint, openCheckpoint, quantizeCheckpoint } from "../src/index.js";
import {
  floatTensor,
  gptqTensors,
  halfWeight,
  safetensorsBytes,
  temporaryFolder,
  write,
} from "./support.js";

const folder = temporaryFolder();
const values = randomNormal(seededRandom(4), 32 * 64);
const float = safetensorsBytes([floatTensor("a.weight", [32, 64], values)]);
await quantizeCheckpoint(write(folder, "float", float), join(folder, "int4"));
const int4 = readFileSync(join(folder, "int4"));
const OUTPUT_IS_INPUT = { code: "W4A16_OUTPUT_IS_INPUT" };

/** A folder of its own with these files. */
function place(name: string, files: Record<string, Uint8Array | string>): string {
  const path = join(folder, name);
  mkdirSync(path);
  for (const [file, bytes] of Object.entries(files)) write(path, file, bytes);
  return path;
}

test.each(["partial", "journal"])("an input that has the name of the output's %s", async (kind) => {
  const name = `model.w4a16-${kind}`;
  const home = place(kind, { [name]: int4 });
  const run = convertCheckpoint(join(home, name), join(home, "model"), { to: "hqq" });
  await expect(run).rejects.toMatchObject(OUTPUT_IS_INPUT);
  expect(readFileSync(join(home, name)).equals(int4)).toBe(true);
  expect(readdirSync(home)).toEqual([name]);
});

test("an input that has the name of an ONNX model", async () => {
  const home = place("onnx", { "a.onnx": int4 });
  const run = convertCheckpoint(join(home, "a.onnx"), home, { to: "onnx" });
  await expect(run).rejects.toMatchObject(OUTPUT_IS_INPUT);
  expect(readFileSync(join(home, "a.onnx")).equals(int4)).toBe(true);
});

test("the index of shards, and their settings", async () => {
  const index = "model.safetensors.index.json";
  const text = JSON.stringify({ weight_map: { "a.weight": "one.safetensors" } });
  const home = place("sharded", { "one.safetensors": float, [index]: text, "config.json": "{}" });
  for (const name of [index, "config.json", "one.safetensors"]) {
    const run = quantizeCheckpoint(home, join(home, name));
    await expect(run).rejects.toMatchObject(OUTPUT_IS_INPUT);
  }
  expect(readFileSync(join(home, index), "utf8")).toBe(text);
});

test("a run does not continue one whose settings meant other zeros", async () => {
  const shape = { outFeatures: 32, inFeatures: 64, groupSize: 32 };
  const layers = ["a", "b"].flatMap((name, i) =>
    gptqTensors(name, halfWeight(i, shape, "whole"), 1),
  );
  const home = place("gptq", { "model.safetensors": safetensorsBytes(layers) });
  const settings = (format: string) =>
    JSON.stringify({ quant_method: "gptq", bits: 4, group_size: 32, checkpoint_format: format });
  const config = join(home, "quantize_config.json");
  const output = join(home, "out");
  writeFileSync(config, settings("gptq"));
  const controller = new AbortController();
  const first = convertCheckpoint(home, output, {
    to: "w4a16",
    signal: controller.signal,
    onProgress: () => controller.abort(),
  });
  await expect(first).rejects.toThrow(/W4A16_ABORTED/);
  writeFileSync(config, settings("gptq_v2"));
  expect(await convertCheckpoint(home, output, { to: "w4a16" })).toMatchObject({ resumed: 0 });
  await using source = await openCheckpoint(home);
  await using made = await openCheckpoint(output);
  for (const name of ["a", "b"]) {
    expect(await made.layers.get(name)!.load()).toEqual(await source.layers.get(name)!.load());
  }
});
