/** Tuning and its cache file, on a GPU that only pretends, and on a real one where there is one. */
import { execFileSync, spawn } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AbortedError, ArgumentError, DeviceError, isW4A16Error } from "@w4a16/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CudaDevice, cuda, type TuneProgress } from "../src/index.js";
import type { NativeAddon } from "../src/native.js";
import { addKernels, readKernels, type TunedKernels } from "../src/tuning/cache.js";
import { parseProductKey, productKey } from "../src/tuning/products.js";
import { FAKE_INFO } from "./helpers/fake-device.mjs";
import { fakeGpu } from "./helpers/fake-gpu.mjs";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "w4a16-tuning-"));
  file = join(folder, "made", "on demand", "cache.json");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const entry = (kernel: string) => ({ kernel, microseconds: 1, untuned: 2 });
const SHAPE = { m: 16, n: 32, k: 64, groupSize: 32 } as const;

function open(costs: Record<string, number>, options: { file?: string; driver?: string } = {}) {
  const gpu = fakeGpu(costs);
  const device = new CudaDevice(gpu.addon as NativeAddon, FAKE_INFO, undefined, {
    driver: "1.2",
    ...options,
  });
  return { ...gpu, device };
}

describe("the cache file", () => {
  it("is empty where there is none, and says nothing of it", async () => {
    expect(await readKernels(file, "gpu")).toEqual({ kernels: {}, problem: undefined });
  });

  it("keeps what other devices, and other products, have", async () => {
    await addKernels(file, "gpu", { a: entry("x") });
    await addKernels(file, "other gpu", { a: entry("y") });
    await addKernels(file, "gpu", { b: entry("z") });
    expect((await readKernels(file, "gpu")).kernels).toEqual({ a: entry("x"), b: entry("z") });
    expect((await readKernels(file, "other gpu")).kernels).toEqual({ a: entry("y") });
    expect(readdirSync(join(file, ".."))).toEqual(["cache.json"]);
  });

  it.each([
    ["text", "no JSON at all", /not JSON/],
    ["half a document", '{"schema": 1, "devi', /not JSON/],
    ["nothing", "", /not JSON/],
    ["a list", "[]", /no tuning cache/],
    ["null", "null", /no tuning cache/],
    ["another schema", '{"schema": 2, "devices": {}}', /no tuning cache/],
    ["no devices", '{"schema": 1, "devices": []}', /no tuning cache/],
    ["a device that is a number", '{"schema": 1, "devices": {"gpu": 3}}', /1 malformed/],
    [
      "bad entries",
      JSON.stringify({
        schema: 1,
        devices: {
          gpu: { a: entry("x"), b: 1, c: { kernel: 3 }, d: { kernel: "x", microseconds: "1" } },
        },
      }),
      /3 malformed/,
    ],
  ])("survives %s, says so, and is sound after the next write", async (_, text, problem) => {
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(file, text);
    const before = await readKernels(file, "gpu");
    expect(before.problem).toMatch(problem);
    await addKernels(file, "gpu", { new: entry("n") });
    const after = await readKernels(file, "gpu");
    expect(after.problem).toBeUndefined();
    expect(after.kernels).toEqual({ ...before.kernels, new: entry("n") });
  });

  it.skipIf(process.platform === "win32")("does not wait for a pipe in its place", async () => {
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    expect((await readKernels(pipe, "gpu")).problem).toMatch(/no file/);
  });

  it("survives a folder in its place, and says so", async () => {
    mkdirSync(file, { recursive: true });
    expect((await readKernels(file, "gpu")).problem).toBeTruthy();
    await expect(addKernels(file, "gpu", { a: entry("x") })).rejects.toThrow();
  });

  it("waits for no lock whose owner died", async () => {
    mkdirSync(`${file}.lock`, { recursive: true });
    const longAgo = new Date(Date.now() - 60_000);
    utimesSync(`${file}.lock`, longAgo, longAgo);
    const start = performance.now();
    await addKernels(file, "gpu", { a: entry("x") });
    expect(performance.now() - start).toBeLessThan(2_000);
  });

  it("loses nothing when many write at once in one process", async () => {
    const all = Array.from({ length: 20 }, (_, i): TunedKernels => ({ [`p${i}`]: entry(`k${i}`) }));
    await Promise.all(all.map((kernels) => addKernels(file, "gpu", kernels)));
    expect((await readKernels(file, "gpu")).kernels).toEqual(Object.assign({}, ...all));
  });

  it("loses nothing when processes write at once", async () => {
    const script = fileURLToPath(new URL("./helpers/tune-writer.mjs", import.meta.url));
    const exits = [0, 1, 2].map(
      (i) =>
        new Promise<[number | null, string]>((resolve) => {
          const child = spawn(process.execPath, [script, file, String(1 + 10 * i), "10"]);
          let stderr = "";
          child.stderr.on("data", (text) => {
            stderr += text;
          });
          child.on("close", (code) => resolve([code, stderr]));
        }),
    );
    expect(await Promise.all(exits)).toEqual([0, 1, 2].map(() => [0, ""]));
    const [kernels] = Object.values<object>(JSON.parse(readFileSync(file, "utf8")).devices);
    expect(Object.keys(kernels!).length).toBe(30);
  }, 60_000);
});

describe("names of products", () => {
  it("come back as the product they were made of, and nothing else does", () => {
    const product = { ...SHAPE, direction: "matmulTransposed" } as const;
    expect(parseProductKey(productKey(product))).toEqual(product);
    for (const key of [
      "",
      "matmul",
      "matmul 1 2 3 4",
      "other 16 32 64 32",
      "matmul 16 32 64 32 1",
      "matmul 0x10 32 64 32",
    ]) {
      expect(parseProductKey(key)).toBeUndefined();
    }
  });
});

describe("tune, on a GPU that only pretends", () => {
  it("uses what is fastest, reports both times, and keeps them", async () => {
    const { device, chosen, live } = open({ usual: 50, better: 20, best: 10 }, { file });
    const steps: TuneProgress[] = [];
    const report = await device.tune([SHAPE], { onProgress: (step) => steps.push(step) });
    expect(report).toMatchObject({ file, problem: undefined });
    expect(report.results.map(({ direction }) => direction)).toEqual([
      "matmul",
      "matmulTransposed",
    ]);
    for (const result of report.results) {
      expect(result).toMatchObject({ ...SHAPE, kernel: "best", candidates: 3 });
      expect(result.microseconds).toBeCloseTo(10);
      expect(result.untuned).toBeCloseTo(50);
    }
    expect(steps.map(({ done, total }) => [done, total])).toEqual([
      [1, 2],
      [2, 2],
    ]);
    expect([...chosen.values()]).toEqual(["best", "best"]);
    expect(live.size).toBe(0);
  });

  it("measures for one call after the other, and goes on after one that failed", async () => {
    const { device } = open({ usual: 50, best: 10 }, { file });
    const order: string[] = [];
    const tune = (name: string) =>
      device.tune([SHAPE], { onProgress: ({ done }) => order.push(`${name} ${done}`) });
    const refused = device.tune([], { onProgress: 1 as never }).catch((error) => error);
    await Promise.all([tune("first"), tune("second")]);
    expect(order).toEqual(["first 1", "first 2", "second 1", "second 2"]);
    expect(await refused).toBeInstanceOf(ArgumentError);
  });

  it("stays with the usual kernel where another is not faster by more than noise", async () => {
    const { device, chosen } = open({ usual: 100, other: 99 });
    const { results, file: kept } = await device.tune([{ ...SHAPE, direction: "matmul" }]);
    expect(results).toMatchObject([{ kernel: "usual", microseconds: 100 }]);
    expect(kept).toBeUndefined();
    expect([...chosen.values()]).toEqual(["usual"]);
  });

  it("a later process takes the results, another driver or GPU does not", async () => {
    await open({ usual: 50, best: 10 }, { file }).device.tune([SHAPE]);
    const later = open({ usual: 50, best: 10 }, { file });
    await later.device.tuning.load();
    expect(later.device.tuning).toMatchObject({ loaded: 2, problem: undefined });
    expect([...later.chosen.values()]).toEqual(["best", "best"]);
    const updated = open({ usual: 50, best: 10 }, { file, driver: "1.3" });
    await updated.device.tuning.load();
    expect(updated.device.tuning.loaded).toBe(0);
    const renamed = open({ usual: 50, another: 10 }, { file });
    await renamed.device.tuning.load();
    expect(renamed.device.tuning.loaded).toBe(0);
  });

  it("ends in time, with what was measured by then", async () => {
    const { device } = open({ usual: 50, best: 10 }, { file });
    const shapes = Array.from({ length: 50 }, (_, i) => ({ ...SHAPE, m: 1 + i }));
    const { results } = await device.tune(shapes, { seconds: 1e-6 });
    expect(results.length).toBe(1);
    expect(Object.keys((await readFileOf(file))!).length).toBe(1);
  });

  it("an abort keeps what is finished, and leaves the rest as it was", async () => {
    const { device, chosen, live } = open({ usual: 50, best: 10 }, { file });
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    await expect(device.tune([SHAPE], { signal: controller.signal, onProgress })).rejects.toThrow(
      AbortedError,
    );
    expect([...chosen.values()]).toEqual(["best"]);
    expect(Object.keys((await readFileOf(file))!).length).toBe(1);
    expect(live.size).toBe(0);
  });

  it("an abort leaves a product the kernel that an earlier call found for it", async () => {
    const { addon, device, chosen, live } = open({ usual: 50, best: 10 });
    const shape = { ...SHAPE, direction: "matmul" } as const;
    await device.tune([shape]);
    const controller = new AbortController();
    const { synchronize } = addon as NativeAddon;
    Object.assign(addon, {
      synchronize: (id: number) => {
        controller.abort(); // in the middle of measuring
        return synchronize(id);
      },
    });
    const again = device.tune([shape], { signal: controller.signal });
    await expect(again).rejects.toThrow(AbortedError);
    expect([...chosen.values()]).toEqual(["best"]);
    expect(live.size).toBe(0);
  });

  it("while a product is measured, it uses the kernel it used before", async () => {
    await open({ usual: 50, best: 10 }, { file }).device.tune([SHAPE]);
    const { addon, device, chosen } = open({ usual: 50, best: 10 }, { file });
    await device.tuning.load();
    const during = new Set<string>();
    const { synchronize } = addon as NativeAddon;
    Object.assign(addon, {
      synchronize: (id: number) => {
        for (const name of chosen.values()) during.add(name);
        return synchronize(id);
      },
    });
    await device.tune([SHAPE]);
    expect([...during]).toEqual(["best"]);
  });

  it("measures nothing once the signal has fired", async () => {
    const { device, chosen } = open({ usual: 50, best: 10 }, { file });
    const tuned = device.tune([SHAPE], { signal: AbortSignal.abort() });
    await expect(tuned).rejects.toThrow(AbortedError);
    expect(chosen.size).toBe(0);
  });

  it.each([
    ["weight", { ...SHAPE, n: 2 ** 40, k: 2 ** 10 }],
    ["activations", { ...SHAPE, m: 2 ** 52 }],
  ])("%s of an absurd size are an error of the product's own", async (_, shape) => {
    const { device, live } = open({ usual: 50 });
    const error = await device.tune([shape]).catch((error: unknown) => error);
    expect(isW4A16Error(error)).toBe(true);
    expect(live.size).toBe(0);
  });

  it("says where its results could not be kept", async () => {
    writeFileSync(join(folder, "a file"), "");
    const { device } = open(
      { usual: 50, best: 10 },
      { file: join(folder, "a file", "cache.json") },
    );
    const report = await device.tune([{ ...SHAPE, direction: "matmul" }]);
    expect(report.results.length).toBe(1);
    expect(report.file).toBeUndefined();
    expect(report.problem).toMatch(/ENOTDIR|EEXIST/);
  });

  it.each(["candidates", "useCandidate", "probeFill"])(
    "a failure of the addon's %s is a DeviceError, and everything is given back",
    async (method) => {
      const { addon, device, live } = open({ usual: 50 });
      const cause = new Error("no");
      Object.assign(addon, {
        [method]: () => {
          throw cause;
        },
      });
      const error = await device.tune([SHAPE]).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(DeviceError);
      expect(error).toMatchObject({ code: "W4A16_NATIVE_FAILURE", cause });
      expect(live.size).toBe(0);
    },
  );

  it.each([
    ["no list", {}, {}],
    ["an odd k", [{ ...SHAPE, k: 63, groupSize: 63 }], {}],
    ["a group size that does not divide k", [{ ...SHAPE, groupSize: 48 }], {}],
    ["no rows", [{ ...SHAPE, m: 0 }], {}],
    ["an unknown direction", [{ ...SHAPE, direction: "sideways" }], {}],
    ["an unknown name", [{ ...SHAPE, g: 32 }], {}],
    ["no time", [SHAPE], { seconds: 0 }],
    ["an unknown option", [SHAPE], { minutes: 1 }],
    ["progress that is no function", [SHAPE], { onProgress: "yes" }],
    ["a signal that is none", [SHAPE], { signal: {} }],
    ["no options", [SHAPE], null],
  ])("refuses %s", async (_, shapes, options) => {
    const { device } = open({ usual: 50 });
    await expect(device.tune(shapes as never, options as never)).rejects.toThrow(ArgumentError);
  });
});

async function readFileOf(path: string): Promise<object | undefined> {
  return Object.values<object>(JSON.parse(readFileSync(path, "utf8")).devices)[0];
}

const availability = cuda.availability();
const skipped = availability.available ? "" : ` (skipped: ${availability.reason})`;
describe.skipIf(!availability.available)(`tune, on the GPU${skipped}`, () => {
  it("chooses a kernel no slower than the usual one, and a later device uses it", async () => {
    using device = await cuda.open({ tuning: file });
    expect(device.tuning).toMatchObject({ loaded: 0, problem: undefined });
    const shape = { m: 48, n: 512, k: 1024, groupSize: 128 };
    const report = await device.tune([shape], { seconds: 5 });
    console.log(report.results);
    expect(report.problem).toBeUndefined();
    for (const { microseconds, untuned, candidates } of report.results) {
      expect(candidates).toBeGreaterThan(1);
      expect(microseconds).toBeLessThanOrEqual(untuned);
    }
    using later = await cuda.open({ tuning: file });
    expect(later.tuning.loaded).toBe(2);
    using without = await cuda.open({ tuning: false });
    expect(without.tuning).toMatchObject({ loaded: 0, file: undefined });
  }, 60_000);
});
