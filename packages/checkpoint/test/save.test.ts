/** Weights in memory to a file, and back. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dequantize, quantizeHqq } from "@w4a16/core";
import { randomInt4Weight, randomNormal, seededRandom } from "@w4a16/reference/testing";
import { describe, expect, test } from "vitest";
import { loadLinear, openCheckpoint, saveWeights } from "../src/index.js";
import { temporaryFolder } from "./support.js";

const folder = temporaryFolder();
const random = seededRandom(7);
const shape = { outFeatures: 24, inFeatures: 128, groupSize: 64 };
const hqq = quantizeHqq(randomNormal(random, 24 * 128), shape);
const signed = randomInt4Weight(random, { ...shape, outFeatures: 5, signed: true });

async function load(path: string, name: string) {
  await using checkpoint = await openCheckpoint(path);
  return await loadLinear(checkpoint, name);
}

describe("what is written", () => {
  test.each([
    ["w4a16", "a.safetensors"],
    ["hqq", "b.safetensors"],
  ] as const)("%s: the same codes, scales and real-valued zeros", async (to, file) => {
    const path = join(folder, file);
    const report = await saveWeights(path, { "model.up": hqq }, { to });
    expect(report).toEqual({
      output: path,
      to,
      layers: ["model.up"],
      outputBytes: readFileSync(path).length,
    });
    expect(await load(path, "model.up")).toEqual(hqq);
  });

  test("several weights of other shapes and signs, from a Map", async () => {
    const path = join(folder, "several.safetensors");
    const seen: number[] = [];
    await saveWeights(path, new Map([["7", signed] as const, ["a.b", hqq] as const]), {
      onProgress: ({ done, total }) => seen.push(done / total),
    });
    expect(await load(path, "7")).toEqual(signed);
    expect(await load(path, "a.b")).toEqual(hqq);
    expect(seen).toEqual([expect.closeTo(0.17, 2), 1]);
  });

  test("q4_1: smaller groups, parameters rounded to float16", async () => {
    const path = join(folder, "c.gguf");
    await saveWeights(path, { "blk.0.ffn_up": hqq }, { to: "q4_1" });
    const loaded = dequantize(await load(path, "blk.0.ffn_up"));
    const exact = dequantize(hqq);
    expect(Math.max(...loaded.map((v, i) => Math.abs(v - exact[i]!)))).toBeLessThan(4e-3);
  });

  test("q4_0: real zeros are lost only where that is asked for", async () => {
    const path = join(folder, "d.gguf");
    await expect(saveWeights(path, { up: hqq }, { to: "q4_0" })).rejects.toMatchObject({
      code: "W4A16_LOSSY_ZERO",
      message: expect.stringContaining("layer up"),
    });
    await saveWeights(path, { up: hqq }, { to: "q4_0", requantize: true });
    expect(new Set((await load(path, "up")).zeros)).toEqual(new Set([8]));
  });
});

describe("a run that fails", () => {
  const path = join(folder, "kept.safetensors");

  test.each([
    ["no weights", {}, {}, "W4A16_INVALID_TYPE"],
    ["no object", undefined, {}, "W4A16_INVALID_TYPE"],
    ["a weight that is none", { up: { ...hqq, scales: [1] } }, {}, "W4A16_INVALID_TYPE"],
    ["a layer without a name", { "": hqq }, {}, "W4A16_INVALID_VALUE"],
    ["an unknown format", { up: hqq }, { to: "onnx" }, "W4A16_INVALID_VALUE"],
    ["an unknown option", { up: hqq }, { format: "hqq" }, "W4A16_UNKNOWN_OPTION"],
    ["an aborted signal", { up: hqq }, { signal: AbortSignal.abort() }, "W4A16_ABORTED"],
  ])("%s leaves an older file and nothing else", async (_, weights, options, code) => {
    writeFileSync(path, "older");
    const run = saveWeights(path, weights as never, options as never);
    await expect(run).rejects.toMatchObject({ code });
    expect(readFileSync(path, "utf8")).toBe("older");
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  test("aborted between two weights, it leaves no file", async () => {
    const controller = new AbortController();
    const out = join(folder, "aborted.safetensors");
    const run = saveWeights(
      out,
      { a: hqq, b: hqq },
      { signal: controller.signal, onProgress: () => controller.abort() },
    );
    await expect(run).rejects.toMatchObject({ code: "W4A16_ABORTED" });
    expect(readdirSync(folder).filter((name) => name.startsWith("aborted"))).toEqual([]);
  });

  test("a folder as its place", async () => {
    await expect(saveWeights(folder, { a: hqq })).rejects.toMatchObject({
      code: "W4A16_WRITE_FAILED",
    });
    await expect(saveWeights(join(folder, "no", "x"), { a: hqq })).rejects.toMatchObject({
      code: "W4A16_WRITE_FAILED",
    });
  });

  test("parameters beyond the format name the layer", async () => {
    const huge = { ...hqq, scales: hqq.scales.map(() => 1e6) };
    const run = saveWeights(join(folder, "e.gguf"), { up: huge }, { to: "q4_1" });
    await expect(run).rejects.toThrow(/layer up/);
  });
});
