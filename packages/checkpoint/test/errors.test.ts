/** What a caller of the functions can get wrong; the texts are part of the product. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { isW4A16Error, quantizeMinMax } from "@w4a16/core";
import { describe, expect, test } from "vitest";
import {
  convertCheckpoint,
  encodeOnnx,
  encodeOnnxDense,
  findLayer,
  openCheckpoint,
  quantizeCheckpoint,
  requantizeWeight,
  verifyCheckpoint,
} from "../src/index.js";
import { floatTensor, safetensorsBytes, temporaryFolder, write } from "./support.js";

const folder = temporaryFolder();
const values = new Float32Array(64).fill(0.5);
const input = write(
  folder,
  "in.safetensors",
  safetensorsBytes([floatTensor("a.weight", [4, 16], values)]),
);
const output = join(folder, "out.safetensors");
const weight = quantizeMinMax(values, { outFeatures: 4, inFeatures: 16, groupSize: 16 });
const aborted = AbortSignal.abort();

const mistakes: Record<string, () => unknown> = {
  "a URL as a path": () => openCheckpoint(pathToFileURL(input) as never),
  "no path": () => openCheckpoint(undefined as never),
  "a path with a NUL": () => openCheckpoint("a\0b"),
  "an output with a NUL": () => quantizeCheckpoint(input, "a\0b"),
  "a folder of models with a NUL": () => convertCheckpoint(input, "a\0b", { to: "onnx" }),
  "a layer's name of no text": async () => findLayer(await openCheckpoint(input), 1 as never),
  "no output": () => quantizeCheckpoint(input, undefined as never),
  "include as text": () => quantizeCheckpoint(input, output, { include: "*" as never }),
  "include of numbers": () => quantizeCheckpoint(input, output, { include: [1] as never }),
  "exclude of nothing": () => quantizeCheckpoint(input, output, { exclude: [""] }),
  "a signal that is none": () => quantizeCheckpoint(input, output, { signal: {} as never }),
  "an aborted signal": () => quantizeCheckpoint(input, output, { signal: aborted }),
  "progress to no function": () => quantizeCheckpoint(input, output, { onProgress: 1 as never }),
  "a million workers": () => quantizeCheckpoint(input, output, { workers: 1e6 }),
  "a target as text": () => convertCheckpoint(input, output, "onnx" as never),
  "requantize as text": () =>
    convertCheckpoint(input, output, { to: "q4_0", requantize: "no" as never }),
  "exclude as text": () => convertCheckpoint(input, output, { to: "onnx", exclude: "*" as never }),
  "nothing to compare with": () => verifyCheckpoint(input, {} as never),
  "a largest error of NaN": () => verifyCheckpoint(input, { against: input, maxError: Number.NaN }),
  "an aborted comparison": () => verifyCheckpoint(input, { against: input, signal: aborted }),
  "an accuracy level without end": () =>
    encodeOnnx("a", weight, { accuracyLevel: Number.POSITIVE_INFINITY as never }),
  "no weight for ONNX": () => encodeOnnx("a", undefined as never),
  "a matrix without end": () =>
    encodeOnnxDense("a", new Float32Array(0), { reduction: Number.POSITIVE_INFINITY, width: 0 }),
  "zeros of no such kind": () => requantizeWeight(weight, "none" as never),
};

describe("errors", () => {
  test.each(Object.keys(mistakes))("%s", async (name) => {
    const error = await Promise.resolve()
      .then(mistakes[name])
      .catch((caught: unknown) => caught);
    expect(isW4A16Error(error)).toBe(true);
    expect((error as Error).message.replaceAll(folder, "FOLDER")).toMatchSnapshot();
  });
});
