import type { DType } from "@w4a16/core";
import { randomInt4Weight, seededRandom } from "@w4a16/reference/testing";
import { describe, expect, it } from "vitest";
import { type CpuDevice, cpu, openCpu, supportedKernels } from "../src/index.js";

const available = cpu.availability().available;
const [M, N, K] = [96, 512, 1024];
const int4 = randomInt4Weight(seededRandom(1), { outFeatures: N, inFeatures: K, groupSize: 128 });

/** Operations a second of the fastest of some products. */
function productRate(device: CpuDevice, dtype: DType): number {
  using weight = device.loadWeight(int4);
  using x = device.tensor([M, K], dtype);
  using out = device.tensor([M, N], dtype);
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 10; i++) {
    const start = performance.now();
    weight.matmulSync(x, { out });
    best = Math.min(best, performance.now() - start);
  }
  return (2 * M * N * K) / (best / 1e3);
}

describe.runIf(available)("ceiling", () => {
  it.each(supportedKernels())(
    "%s: no product is faster, nor far from it",
    { retry: 2 },
    async (kernel) => {
      using device = openCpu({ kernel, threads: 1 });
      for (const dtype of ["bfloat16", "float16", "float32"] as const) {
        const ceiling = await device.benchmark.ceiling(dtype, false);
        expect(ceiling.bytesPerSecond).toBeGreaterThan(1e8);
        expect(ceiling.method).toContain(kernel);
        const rate = productRate(device, dtype);
        expect(ceiling.operationsPerSecond).toBeGreaterThan(rate);
        // Nor is the limit one that no product could come near, unless an instrumented addon slows it.
        if (!process.env.W4A16_CPU_ADDON) {
          expect(ceiling.operationsPerSecond).toBeLessThan(
            (kernel.startsWith("avx") ? 3 : 10) * rate,
          );
        }
      }
    },
  );

  it("memory is no faster than the cache", async () => {
    using device = openCpu();
    const cold = await device.benchmark.ceiling("bfloat16", true);
    const warm = await device.benchmark.ceiling("bfloat16", false);
    expect(cold.bytesPerSecond).toBeLessThan(1.2 * warm.bytesPerSecond);
    expect(cold.method).toContain("memory");
    expect(warm.method).toContain("cache");
  });

  it.runIf(supportedKernels().includes("avx512-bf16"))(
    "three digits take longer than two, and those no longer than bfloat16",
    async () => {
      using device = openCpu({ kernel: "avx512-bf16", threads: 1 });
      const rates = [];
      for (const dtype of ["bfloat16", "float16", "float32"] as const) {
        rates.push((await device.benchmark.ceiling(dtype, false)).operationsPerSecond);
      }
      const [bf16, fp16, fp32] = rates as [number, number, number];
      expect(fp16 / fp32).toBeCloseTo(1.5, 0);
      expect(fp16 / bf16).toBeCloseTo(1, 0);
    },
  );

  it("wrong arguments are refused, and a device that is gone", async () => {
    const device = openCpu();
    await expect(device.benchmark.ceiling("float8" as never, true)).rejects.toMatchObject({
      code: "W4A16_INVALID_DTYPE",
    });
    await expect(device.benchmark.ceiling("float16", "cold" as never)).rejects.toMatchObject({
      code: "W4A16_INVALID_TYPE",
    });
    const pending = device.benchmark.ceiling("bfloat16", false);
    device.dispose();
    await pending.catch((error) => expect(error.code).toBe("W4A16_DISPOSED"));
    await expect(device.benchmark.ceiling("bfloat16", false)).rejects.toMatchObject({
      code: "W4A16_DISPOSED",
    });
  });
});
