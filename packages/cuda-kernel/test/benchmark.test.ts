/** What a device offers to benchmarks: dense weights and ceilings. */
import { ArgumentError, DeviceError } from "@w4a16/core";
import { relativeFrobenius } from "@w4a16/reference/metrics";
import { randomNormal, seededRandom } from "@w4a16/reference/testing";
import { describe, expect, it } from "vitest";
import { CudaDenseWeight } from "../src/dense.js";
import { CudaDevice } from "../src/device.js";
import { type CudaWeight, cuda } from "../src/index.js";
import { fakeAddon, nativeError } from "./helpers/fake-addon.js";
import { FAKE_INFO } from "./helpers/fake-device.mjs";

const withoutCublas = {
  requireDense: () => {
    throw nativeError("NO_CUBLAS", "libcublas.so.13 was not found");
  },
};

describe("benchmark hooks, on an addon that only pretends", () => {
  it("a dense weight is absent where cuBLAS is, and loading it says why", () => {
    const { addon, live } = fakeAddon(withoutCublas);
    const device = new CudaDevice(addon, FAKE_INFO);
    const values = new Float32Array(6);
    expect(device.benchmark.loadDense(values, 2, 3, "bfloat16")).toBeUndefined();
    expect(() => CudaDenseWeight.load(device, values, 2, 3, "bfloat16")).toThrow(DeviceError);
    expect(() => CudaDenseWeight.load(device, values, 2, 3, "bfloat16")).toThrow(
      /libcublas.*W4A16_CUBLAS/s,
    );
    expect(live.size).toBe(0);
  });

  it("names the kernel, its tile and how the reduction is shared out", () => {
    const kernels = [
      [{ kernel: "sm90a-wgmma", plan: "pair 128x64" }, "sm90a-wgmma pair 128x64"],
      [{ kernel: "sm80-mma", tileFeatures: 32, tileTokens: 16, splits: 1 }, "sm80-mma 32x16"],
      [
        { kernel: "sm80-mma", tileFeatures: 64, tileTokens: 64, splits: 2 },
        "sm80-mma 64x64, reduction in 2 parts",
      ],
      [{ kernel: "simt-float32" }, "simt-float32"],
    ] as const;
    const { benchmark } = new CudaDevice(fakeAddon().addon, FAKE_INFO);
    for (const [choice, name] of kernels) {
      const weight = { explain: () => choice } as unknown as CudaWeight;
      expect(benchmark.kernel(weight, "matmul", 1, "bfloat16")).toBe(name);
    }
  });

  it("another failure is not taken for a missing library", () => {
    const requireDense = () => {
      throw nativeError("OUT_OF_MEMORY", "no memory");
    };
    const device = new CudaDevice(fakeAddon({ requireDense }).addon, FAKE_INFO);
    expect(() => device.benchmark.loadDense(new Float32Array(6), 2, 3, "bfloat16")).toThrow(
      expect.objectContaining({ code: "W4A16_OUT_OF_MEMORY" }),
    );
  });

  it("a dense weight refuses what cuBLAS does not compute, and gives its memory back", () => {
    const { addon, live, log } = fakeAddon();
    const device = new CudaDevice(addon, FAKE_INFO);
    const weight = device.benchmark.loadDense(new Float32Array(6), 2, 3, "bfloat16")!;
    const x = device.tensor([4, 3], "bfloat16");
    const y = weight.matmul(x);
    expect(y.shape).toEqual([4, 2]);
    expect(weight.matmulTransposed(y, { outDtype: "float32" }).shape).toEqual([4, 3]);
    expect(log).toEqual(["dense 2×3", "dense 2×3"]);
    const before = live.size;
    const refused = [
      () => weight.matmul(device.tensor([4, 3], "float16")),
      () => weight.matmul(x, { outDtype: "float16" }),
      () => weight.matmul(x, { bias: device.tensor([2], "bfloat16") }),
      () => weight.matmul(y),
    ];
    for (const refuse of refused) expect(refuse).toThrow(ArgumentError);
    expect(live.size).toBe(before + 2); // the two operands made for the refused calls
    weight.dispose();
    expect(live.size).toBe(before + 1);
    expect(() => weight.matmul(x)).toThrow(expect.objectContaining({ code: "W4A16_DISPOSED" }));
  });

  it("a failed product gives back the output it allocated", () => {
    const matmulDense = () => {
      throw nativeError("NATIVE_FAILURE", "no");
    };
    const { addon, live } = fakeAddon({ matmulDense });
    const device = new CudaDevice(addon, FAKE_INFO);
    const weight = device.benchmark.loadDense(new Float32Array(6), 2, 3, "bfloat16")!;
    const x = device.tensor([4, 3], "bfloat16");
    const before = live.size;
    expect(() => weight.matmul(x)).toThrow(DeviceError);
    expect(live.size).toBe(before);
  });

  it("the ceiling is the rate of the best probe, and says which", async () => {
    const { addon, live, log } = fakeAddon({}, { read: 0.5, "multiply-add": 10, dense: 2 });
    const device = new CudaDevice(addon, FAKE_INFO);
    const cold = await device.benchmark.ceiling("bfloat16", true);
    expect(cold.bytesPerSecond).toBeCloseTo(2 ** 30 / 0.5e-3);
    expect(cold.operationsPerSecond).toBeCloseTo((2 * 8192 ** 3) / 2e-3);
    expect(cold.method).toMatch(/1024 MiB of memory; .*8192 × 8192 × 8192 by cuBLAS/);
    expect(new Set(log)).toEqual(new Set(["read 1", "multiply-add", "dense 8192×8192"]));
    const warm = await device.benchmark.ceiling("float32", false);
    expect(warm.bytesPerSecond).toBeCloseTo((64 * FAKE_INFO.l2Bytes) / 4 / 0.5e-3);
    expect(warm.method).toMatch(/10 MiB in the second-level cache/);
    expect(live.size).toBe(0);
  });

  it("without cuBLAS the ceiling is that of the multipliers themselves", async () => {
    const { addon, live } = fakeAddon(withoutCublas, { "multiply-add": 10 });
    const device = new CudaDevice(addon, FAKE_INFO);
    const { operationsPerSecond, method } = await device.benchmark.ceiling("float16", true);
    expect(operationsPerSecond).toBeCloseTo(1e14);
    expect(method).toMatch(/mma\.sync.*cuBLAS not found/);
    expect(live.size).toBe(0);
  });

  it("refuses a dtype it does not know, and a closed device", async () => {
    const device = new CudaDevice(fakeAddon().addon, FAKE_INFO);
    await expect(device.benchmark.ceiling("int8" as "float16", true)).rejects.toThrow(
      ArgumentError,
    );
    device.dispose();
    await expect(device.benchmark.ceiling("float16", true)).rejects.toThrow(/dispose/);
    expect(() => device.benchmark.loadDense(new Float32Array(1), 1, 1, "float16")).toThrow(
      /dispose/,
    );
  });
});

const availability = cuda.availability();
const skipped = availability.available ? "" : ` (skipped: ${availability.reason})`;
describe.skipIf(!availability.available)(`benchmark hooks on the GPU${skipped}`, () => {
  it("measures rates that a GPU can have, warm faster than cold", async () => {
    using device = await cuda.open();
    const cold = await device.benchmark.ceiling("bfloat16", true);
    const warm = await device.benchmark.ceiling("bfloat16", false);
    console.log(cold, warm);
    expect(cold.bytesPerSecond).toBeGreaterThan(1e11);
    expect(cold.bytesPerSecond).toBeLessThan(1e13);
    expect(warm.bytesPerSecond).toBeGreaterThan(cold.bytesPerSecond);
    expect(cold.operationsPerSecond).toBeGreaterThan(1e13);
    expect(cold.operationsPerSecond).toBeLessThan(1e16);
  }, 60_000);

  it.for(["float16", "bfloat16", "float32"] as const)(
    "dense products in %s are those of float64, also from a graph",
    async (dtype, context) => {
      using device = await cuda.open();
      const [m, n, k] = [5, 24, 40];
      const w = randomNormal(seededRandom(1), n * k);
      const weight = device.benchmark.loadDense(w, n, k, dtype);
      if (!weight) return context.skip("cuBLAS was not found");
      const x = device.tensor([m, k], dtype, randomNormal(seededRandom(2), m * k));
      const out = device.tensor([m, n], "float32");
      using graph = device.capture(() => void weight.matmul(x, { out }));
      graph.launch();
      const a = await x.readFloat32();
      const b = await weight.values.readFloat32();
      const exact = new Float64Array(m * n);
      for (let i = 0; i < m * n; i++) {
        for (let r = 0; r < k; r++)
          exact[i]! += a[Math.floor(i / n) * k + r]! * b[(i % n) * k + r]!;
      }
      expect(relativeFrobenius(await out.readFloat32(), exact)).toBeLessThan(1e-6);
      const back = await weight
        .matmulTransposed(device.tensor([1, n], dtype, new Float32Array(n).fill(1)), {
          outDtype: "float32",
        })
        .readFloat32();
      const columns = new Float64Array(k);
      for (let i = 0; i < n * k; i++) columns[i % k]! += b[i]!;
      expect(relativeFrobenius(back, columns)).toBeLessThan(1e-6);
    },
  );
});
