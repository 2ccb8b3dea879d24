/** What a caller can get wrong, and the stable code that tells. */
import type { DeviceTensor, DType, MatmulOptions, TensorData } from "@w4a16/core";
import { expect, it } from "vitest";
import { randomInt4Weight, seededRandom } from "../testing.js";
import { expectCode, expectRejection } from "./expect.js";
import type { Suite } from "./suite.js";

const [M, N, K] = [3, 24, 64];
const int4 = randomInt4Weight(seededRandom(60), { outFeatures: N, inFeatures: K, groupSize: 32 });

/** Stands in for the wrong types that only JavaScript callers can pass. */
const wrong = <T>(value: unknown): T => value as T;

export function describeErrors(suite: Suite): void {
  const tensor = (shape: readonly number[], dtype: DType = "float32"): DeviceTensor =>
    suite.device.tensor(shape, dtype);

  it("open: unknown options", async () => {
    await expectRejection(() => suite.open({ deviec: 1 }), "W4A16_UNKNOWN_OPTION");
  });

  it.each<[string, object, string]>([
    ["not a weight", wrong(null), "W4A16_INVALID_TYPE"],
    ["odd K", { ...int4, inFeatures: 63 }, "W4A16_ODD_IN_FEATURES"],
    ["N = 0", { ...int4, outFeatures: 0 }, "W4A16_INVALID_VALUE"],
    ["G that does not divide K", { ...int4, groupSize: 48 }, "W4A16_INVALID_GROUP_SIZE"],
    ["G = 0", { ...int4, groupSize: 0 }, "W4A16_INVALID_GROUP_SIZE"],
    ["G < 0", { ...int4, groupSize: -32 }, "W4A16_INVALID_GROUP_SIZE"],
    ["too few codes", { ...int4, packed: int4.packed.subarray(1) }, "W4A16_INVALID_LENGTH"],
    ["too many scales", { ...int4, scales: new Float32Array(99) }, "W4A16_INVALID_LENGTH"],
    ["too few zeros", { ...int4, zeros: new Float32Array(1) }, "W4A16_INVALID_LENGTH"],
    ["scales in float64", { ...int4, scales: new Float64Array(48) }, "W4A16_INVALID_TYPE"],
    ["signed as a word", { ...int4, signed: "yes" }, "W4A16_INVALID_TYPE"],
  ])("loadWeight: %s", (_, weight, code) => {
    expectCode(() => suite.device.loadWeight(wrong(weight)), code);
  });

  it("loadWeight: unknown options and dtypes", () => {
    const { device } = suite;
    expectCode(() => device.loadWeight(int4, wrong({ dtpye: "float16" })), "W4A16_UNKNOWN_OPTION");
    expectCode(() => device.loadWeight(int4, { dtype: wrong("int8") }), "W4A16_INVALID_DTYPE");
  });

  it.each<[string, unknown, unknown, unknown, string]>([
    ["no dimension", [], "float32", undefined, "W4A16_INVALID_SHAPE"],
    ["not a shape", 12, "float32", undefined, "W4A16_INVALID_SHAPE"],
    ["a negative dimension", [2, -1], "float32", undefined, "W4A16_INVALID_VALUE"],
    ["half a dimension", [1.5], "float32", undefined, "W4A16_INVALID_VALUE"],
    ["an unknown dtype", [2], "float8", undefined, "W4A16_INVALID_DTYPE"],
    ["data too short", [2], "float32", new Float32Array(1), "W4A16_INVALID_LENGTH"],
    ["bits for float32", [2], "float32", new Uint16Array(2), "W4A16_INVALID_TYPE"],
    ["float64 data", [2], "float16", new Float64Array(2), "W4A16_INVALID_TYPE"],
    ["a plain array", [2], "float16", [1, 2], "W4A16_INVALID_TYPE"],
    ["more than memory holds", [2 ** 26, 2 ** 25], "float32", undefined, "W4A16_OUT_OF_MEMORY"],
  ])("tensor: %s", (_, shape, dtype, data, code) => {
    const before = suite.device.memory();
    expectCode(
      () => suite.device.tensor(wrong(shape), wrong<DType>(dtype), wrong<TensorData>(data)),
      code,
    );
    expect(suite.device.memory()).toEqual(before);
  });

  it("view: ranks, ranges and options", () => {
    expectCode(() => tensor([2, 3, 4]).view({}), "W4A16_INVALID_SHAPE");
    for (const rows of [[0, 3], [-1, 1], [2, 1], [0.5, 1], 1] as unknown[]) {
      expectCode(() => tensor([2, 2]).view({ rows: wrong(rows) }), "W4A16_INVALID_VALUE");
    }
    expectCode(() => tensor([2, 2]).view(wrong({ cols: [0, 1] })), "W4A16_UNKNOWN_OPTION");
  });

  it("write: wrong lengths and types leave the elements alone", async () => {
    const x = suite.device.tensor([2], "float16", new Float32Array([1, 2]));
    expectCode(() => x.write(new Float32Array(3)), "W4A16_INVALID_LENGTH");
    expectCode(() => x.write(wrong(new Int16Array(2))), "W4A16_INVALID_TYPE");
    expect(Array.from(await x.readFloat32())).toEqual([1, 2]);
  });

  it.each<[string, () => MatmulOptions, string]>([
    ["an unknown option", () => wrong({ outDType: "float16" }), "W4A16_UNKNOWN_OPTION"],
    ["options that are none", () => wrong(7), "W4A16_INVALID_TYPE"],
    ["an unknown outDtype", () => ({ outDtype: wrong("float64") }), "W4A16_INVALID_DTYPE"],
    [
      "an outDtype that is not out's",
      () => ({ outDtype: "float16", out: tensor([M, N]) }),
      "W4A16_INVALID_DTYPE",
    ],
    ["out with too few rows", () => ({ out: tensor([M - 1, N]) }), "W4A16_INVALID_SHAPE"],
    ["out of the wrong width", () => ({ out: tensor([M, K]) }), "W4A16_INVALID_SHAPE"],
    ["a bias of the wrong length", () => ({ bias: tensor([K]) }), "W4A16_INVALID_SHAPE"],
    ["a bias of more than a row", () => ({ bias: tensor([M, N]) }), "W4A16_INVALID_SHAPE"],
    ["an array as bias", () => ({ bias: wrong(new Float32Array(N)) }), "W4A16_INVALID_TYPE"],
    ["an array as out", () => ({ out: wrong(new Float32Array(M * N)) }), "W4A16_INVALID_TYPE"],
    ["an aborted signal", () => ({ signal: AbortSignal.abort() }), "W4A16_ABORTED"],
  ])("matmul: %s", (_, options, code) => {
    const weight = suite.load(int4);
    expectCode(() => weight.matmul(tensor([M, K]), options()), code);
  });

  it("matmul: operands of the wrong kind or shape", () => {
    const weight = suite.load(int4);
    const forged = Object.create(Object.getPrototypeOf(tensor([M, K])));
    for (const x of [undefined, null, 1, {}, new Float32Array(K), forged]) {
      expectCode(() => weight.matmul(wrong(x)), "W4A16_INVALID_TYPE");
    }
    expectCode(() => weight.matmul(tensor([M, N])), "W4A16_INVALID_SHAPE");
    expectCode(() => weight.matmulTransposed(tensor([M, K])), "W4A16_INVALID_SHAPE");
  });

  it("matmul: out must not share elements with an operand", () => {
    const square = suite.load(
      randomInt4Weight(seededRandom(61), { outFeatures: K, inFeatures: K }),
    );
    const x = tensor([2 * M, K]);
    const [top, bottom] = [x.view({ rows: [0, M] }), x.view({ rows: [M - 1, 2 * M - 1] })];
    expectCode(() => square.matmul(x, { out: x }), "W4A16_INVALID_VALUE");
    expectCode(() => square.matmul(top, { out: bottom }), "W4A16_INVALID_VALUE");
    const row = tensor([1, K]);
    expectCode(() => square.matmul(tensor([1, K]), { bias: row, out: row }), "W4A16_INVALID_VALUE");
  });

  it("matmul: handles of another device", async () => {
    const other = await suite.open();
    const weight = suite.load(int4);
    const [x, foreign] = [tensor([M, K]), other.tensor([M, K], "float32")];
    const mismatch = "W4A16_DEVICE_MISMATCH";
    expectCode(() => weight.matmul(foreign), mismatch);
    expectCode(() => weight.matmul(x, { out: other.tensor([M, N], "float32") }), mismatch);
    expectCode(() => weight.matmul(x, { bias: other.tensor([N], "float32") }), mismatch);
    expectCode(() => weight.matmul(wrong({ device: { description: "a stranger" } })), mismatch);
    other.dispose();
  });

  it("a refused call changes nothing, and the next one works", async () => {
    const weight = suite.load(int4);
    const x = suite.device.tensor([M, K], "float32", new Float32Array(M * K).fill(1));
    const out = suite.device.tensor([M, N], "float32", new Float32Array(M * N).fill(5));
    const signal = AbortSignal.abort();
    expectCode(() => weight.matmul(x, { out, signal }), "W4A16_ABORTED");
    expectCode(() => weight.matmul(x, { out, outDtype: "float16" }), "W4A16_INVALID_DTYPE");
    expect(await out.readFloat32()).toEqual(new Float32Array(M * N).fill(5));
    weight.matmul(x, { out, signal: new AbortController().signal });
    const plain = await weight.matmul(x).readFloat32();
    expect(await out.readFloat32()).toEqual(plain);
  });
}
