import { describe, expect, it } from "vitest";
import * as w4a16 from "../src/index.js";

const { backends, DEVICE_NAMES, openDevice, quantizeHqq } = w4a16;

describe("openDevice", () => {
  it("opens the first device there is, and says which it passed over", async () => {
    const skipped: string[] = [];
    using device = await openDevice("auto", { onSkip: (name) => skipped.push(name) });
    const names = backends.map(({ name }) => name);
    expect([...skipped, device.backend]).toEqual(names.slice(0, skipped.length + 1));
  });

  it("multiplies with what one import brings", async () => {
    const w = Float32Array.from({ length: 64 * 64 }, (_, index) => Math.sin(index));
    const weight = quantizeHqq(w, { outFeatures: 64, inFeatures: 64, groupSize: 32 });
    using device = await openDevice();
    using linear = device.loadWeight(weight);
    using x = device.tensor([1, 64], "bfloat16", new Float32Array(64).fill(1));
    using y = linear.matmul(x);
    const rows = w4a16.dequantize(weight);
    const first = rows.subarray(0, 64).reduce((sum, value) => sum + value, 0);
    const [value] = await y.readFloat32();
    expect(Math.abs(value! - first)).toBeLessThan(0.01 * Math.max(1, Math.abs(first)));
  });

  it.runIf(w4a16.cpu.availability().available)("hands each device its own options", async () => {
    const hostile = { threads: 0 };
    await expect(openDevice("cpu", { cpu: hostile })).rejects.toMatchObject({
      code: "W4A16_INVALID_VALUE",
      subject: "threads",
    });
    using device = await openDevice("cpu", { cpu: { kernel: "portable" } });
    expect(device.description).toContain("portable");
    using other = await openDevice("reference", { cpu: hostile });
    expect(other.backend).toBe("reference");
  });

  it("knows every backend by its name, and no other", () => {
    expect(DEVICE_NAMES).toEqual(["auto", ...backends.map(({ name }) => name)]);
  });

  it("refuses a name or an option that it does not know", async () => {
    await expect(openDevice("gpu" as "cuda")).rejects.toMatchObject({
      code: "W4A16_UNKNOWN_DEVICE",
      expected: "auto, cuda, cpu, reference",
    });
    await expect(openDevice("cpu", { threads: 2 } as object)).rejects.toMatchObject({
      name: "ArgumentError",
    });
  });
});

it("has no name twice: what is exported is what the packages export", async () => {
  const packages = await Promise.all([
    import("@w4a16/checkpoint"),
    import("@w4a16/core"),
    import("@w4a16/cpu-kernel"),
    import("@w4a16/cuda-kernel"),
    import("@w4a16/reference"),
  ]);
  const names = packages.flatMap((module) => Object.keys(module));
  expect(new Set(names).size).toBe(names.length);
  expect(Object.keys(w4a16).sort()).toEqual([...names, "DEVICE_NAMES", "backends"].sort());
});
