/** Wrong arguments of what CUDA devices have beyond the seam, on an addon that only pretends. */
import { ArgumentError, type DType, type Int4Weight } from "@w4a16/core";
import { randomInt4Weight, seededRandom } from "@w4a16/reference/testing";
import { describe, expect, it } from "vitest";
import { CudaDenseWeight, CudaDevice } from "../src/index.js";
import { LARGEST_EXTENT } from "../src/limits.js";
import { requireProducts } from "../src/tuning/products.js";
import { fakeAddon } from "./helpers/fake-addon.js";
import { FAKE_INFO } from "./helpers/fake-device.mjs";

const calls: string[] = [];
const { addon } = fakeAddon({
  loadWeight: () => 1,
  freeWeight: () => {},
  createStream: () => 1,
  useStream: () => {},
  beginCapture: () => void calls.push("beginCapture"),
  matmul: () => {},
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

const most = LARGEST_EXTENT;
const ofShape = (outFeatures: number, inFeatures: number): Int4Weight => ({
  outFeatures,
  inFeatures,
  groupSize: inFeatures,
  signed: false,
  packed: new Uint8Array((outFeatures * inFeatures) / 2),
  scales: new Float32Array(outFeatures),
  zeros: new Float32Array(outFeatures),
});
/** The first columns of rows that lie `stride` apart. */
const strided = (rows: number, stride: number, columns: number, dtype: DType) =>
  device.tensor([rows, stride], dtype).view({ columns: [0, columns] });
const dense = benchmark.loadDense(new Float32Array(8 * 64), 8, 64, "bfloat16")!;

/** By what can be too large: the largest that is taken, and a call with a size. */
const sizes: Record<string, readonly [number, (size: number) => unknown]> = {
  outFeatures: [most, (n) => device.loadWeight(ofShape(n, 2))],
  inFeatures: [most, (k) => device.loadWeight(ofShape(1, k))],
  "x.rowStride": [most, (stride) => weight.matmul(strided(2, stride, 64, "bfloat16"))],
  "dy.rowStride": [most, (stride) => weight.matmulTransposed(strided(2, stride, 8, "float16"))],
  "the rows of x": [2 ** 31 - 256, (m) => weight.matmul(device.tensor([m, 64], "bfloat16"))],
  "x.rowStride with dequantize": [
    2 ** 31 - 1,
    (stride) =>
      weight.matmul(strided(2, stride, 64, "bfloat16"), {
        strategy: "dequantize",
      }),
  ],
  "out.rowStride of a dense weight": [
    2 ** 31 - 1,
    (stride) =>
      dense.matmul(device.tensor([2, 64], "bfloat16"), { out: strided(2, stride, 8, "bfloat16") }),
  ],
  "the rows of dy of a dense weight": [
    2 ** 31 - 1,
    (m) => dense.matmulTransposed(device.tensor([m, 8], "bfloat16")),
  ],
  "shapes[0].n": [most, (n) => requireProducts([{ m: 1, n, k: 64, groupSize: 64 }])],
  "shapes[0].m": [2 ** 31 - 256, (m) => requireProducts([{ m, n: 1, k: 64, groupSize: 64 }])],
  m: [2 ** 31 - 256, (m) => weight.explain("matmul", m, "bfloat16")],
  "n of a dense weight": [2 ** 31 - 1, (n) => CudaDenseWeight.allocate(device, n, 1, "float16")],
};

describe("sizes that the kernels do not reach", () => {
  it.each(Object.keys(sizes))("%s", (name) => {
    const [largest, use] = sizes[name]!;
    expect(() => use(largest)).not.toThrow();
    const step = name === "inFeatures" ? 2 : 1; // K is even
    expect(() => use(largest + step)).toThrow(
      expect.objectContaining({
        code: "W4A16_INVALID_SHAPE",
        subject: name.replace(/ (of a|with) d.*$/, ""),
      }),
    );
  });

  it("are no limit of float32 activations, nor of one row", () => {
    weight.matmul(strided(2, 2 ** 30, 64, "float32"));
    weight.matmul(strided(1, 2 ** 30, 64, "bfloat16"));
    weight.explain("matmul", 2 ** 32, "float32");
  });
});

describe("arguments", () => {
  it.each(Object.keys(mistakes))("%s", (name) => {
    expect(mistakes[name]).toThrow(ArgumentError);
    expect(calls).toEqual([]);
  });
});
