/** Wrong arguments of what CUDA devices have beyond the seam, on an addon that only pretends. */
import { ArgumentError } from "@w4a16/core";
import { randomInt4Weight, seededRandom } from "@w4a16/reference/testing";
import { describe, expect, it } from "vitest";
import { CudaDevice } from "../src/index.js";
import { fakeAddon } from "./helpers/fake-addon.js";
import { FAKE_INFO } from "./helpers/fake-device.mjs";

const calls: string[] = [];
const { addon } = fakeAddon({
  loadWeight: () => 1,
  createStream: () => 1,
  useStream: () => {},
  beginCapture: () => void calls.push("beginCapture"),
  choose: () => ({ kernel: "sm80-mma" }),
});
const device = new CudaDevice(addon, FAKE_INFO);
const shape = { outFeatures: 8, inFeatures: 64 };
const weight = device.loadWeight(randomInt4Weight(seededRandom(1), shape));
const stream = device.createStream();
const event = device.createEvent();
const elsewhere = new CudaDevice(addon, FAKE_INFO).createEvent();
const { benchmark } = device;

const mistakes: Record<string, () => unknown> = {
  "a capture of no function": () => device.capture(undefined as never),
  "a stream that runs no function": () => stream.run("matmul" as never),
  "time since no event": () => event.millisecondsSince(undefined as never),
  "time since another device's event": () => event.millisecondsSince(elsewhere),
  "the kernel of an unknown product": () => weight.explain("forward" as never, 1, "float16"),
  "the kernel for no number of rows": () => weight.explain("matmul", Number.NaN, "float16"),
  "the kernel for an unknown dtype": () => weight.explain("matmul", 1, "int8" as never),
  "a dense weight of nothing": () => benchmark.loadDense(undefined as never, 8, 64, "float16"),
  "a dense weight of no rows": () => benchmark.loadDense(new Float32Array(0), 0, 64, "float16"),
};

describe("arguments", () => {
  it.each(Object.keys(mistakes))("%s", (name) => {
    expect(mistakes[name]).toThrow(ArgumentError);
    expect(calls).toEqual([]);
  });
});
