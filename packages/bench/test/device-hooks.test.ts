/** A device that times by its own clock, as a GPU would, made of the reference device. */
import type { Device, DeviceWeight, Int4Weight } from "@w4a16/core";
import { reference } from "@w4a16/reference";
import { beforeEach, describe, expect, it } from "vitest";
import { asSync, benchmarkOf, type DeviceBenchmark } from "../src/device-hooks.js";
import { measureCeiling } from "../src/floor/ceiling.js";
import { type Reporter, SILENT } from "../src/reporter.js";
import type { Row } from "../src/results.js";
import type { Settings } from "../src/settings.js";
import { runMatmul } from "../src/suites/matmul.js";
import { matmulSettings } from "./helpers/settings.js";

const settings = matmulSettings({
  device: "fake",
  shapes: [
    { m: 3, n: 32, k: 64 },
    { m: 70, n: 32, k: 64 },
  ],
  peers: ["unfused", "dense", "onnxruntime0"],
  budget: 0.01,
});

const ceiling = { bytesPerSecond: 1e12, operationsPerSecond: 1e15, method: "a fake probe" };

/** What the fake was asked to do, in order. */
let log: string[] = [];

beforeEach(() => {
  log = [];
});

/** @param damage what loading does to a weight, to make a device that is wrong. */
async function openFake(
  hooks: DeviceBenchmark = {},
  damage = (weight: Int4Weight) => weight,
): Promise<Device> {
  const device = await reference.open();
  const loadWeight = device.loadWeight.bind(device);
  let last: Int4Weight;
  const int4: DeviceWeight[] = [];
  const benchmark: DeviceBenchmark = {
    kernel: (weight, direction, m, dtype) => {
      // As a GPU's: it knows its int4 weights, and nothing of its dense ones.
      expect(int4).toContain(weight);
      return `fake ${direction} M ${m} ${dtype}`;
    },
    coldMethods: ["written", "clean"],
    // Run i takes 10 · (i + 1) µs, give or take.
    time: async (runs, { cold, rounds }) => {
      log.push(`time ${runs.length} runs, ${cold}`);
      for (const run of runs) run();
      return runs.map((_, i) =>
        Array.from({ length: rounds }, (_, round) => 10 * (i + 1) + (round % 3) - 1),
      );
    },
    unfused: { outDtype: undefined },
    loadDense: (values, n, k, dtype) => {
      log.push(`dense ${n}×${k} ${dtype} of ${values.length}`);
      return loadWeight(last);
    },
    ceiling: () => ceiling,
    ...hooks,
  };
  return Object.assign(device, {
    backend: "fake",
    benchmark,
    loadWeight: (weight: Int4Weight, options: object) => {
      log.push(`load ${JSON.stringify(options)}`);
      last = weight;
      const loaded = loadWeight(damage(weight), options);
      int4.push(loaded);
      return loaded;
    },
  });
}

const run = async (device: Device, more: Partial<Settings> = {}, reporter: Reporter = SILENT) => {
  const signal = new AbortController().signal;
  const rows: Row[] = [];
  const context = { device, settings: { ...settings, ...more }, reporter, signal };
  return { wrong: await runMatmul(context, ceiling, rows), rows };
};

describe("a device with a clock of its own", () => {
  it("is timed by it, cold in both ways, beside its own unfused and dense products", async () => {
    const { rows, wrong } = await run(await openFake());
    expect(wrong).toBe(0);
    expect(rows.map(({ direction, m, cold }) => `${direction} ${m} ${cold}`)).toEqual(
      ["matmul", "matmulTransposed"].flatMap((direction) =>
        [3, 70].flatMap((m) => ["written", "clean"].map((cold) => `${direction} ${m} ${cold}`)),
      ),
    );
    for (const row of rows) {
      expect(row.kernel).toBe(`fake ${row.direction} M ${row.m} bfloat16`);
      expect(row.times).toEqual({
        fused: { median: 10, p10: 9, p90: 11 },
        unfused: { median: 20, p10: 19, p90: 21 },
        dense: { median: 30, p10: 29, p90: 31 },
      });
      expect(row.relativeError).toBeLessThan(1e-6);
    }
    expect(log.filter((entry) => entry.startsWith("time"))).toContain("time 3 runs, clean");
  });

  it("keeps parameters in the format of the activations, and is held to those", async () => {
    const { rows } = await run(await openFake());
    expect(log).toContain('load {"dtype":"bfloat16"}');
    expect(rows[0]!.relativeError).toBeLessThan(1e-6);
  });

  it("is timed warm when asked", async () => {
    const { rows } = await run(await openFake(), { warm: true });
    expect(new Set(rows.map(({ cold }) => cold))).toEqual(new Set([false]));
  });

  it("frees everything it loaded", async () => {
    const device = await openFake();
    await run(device);
    expect(device.memory()).toEqual({ weights: 0, tensors: 0 });
  });

  it("may lack everything but the clock", async () => {
    const device = await openFake({
      kernel: undefined,
      coldMethods: undefined,
      unfused: undefined,
      loadDense: undefined,
    } as never);
    const { rows } = await run(device);
    expect(rows).toHaveLength(4);
    expect(Object.keys(rows[0]!.times)).toEqual(["fused"]);
    expect(rows[0]!.kernel).toBe(device.description);
    expect(rows[0]!.cold).toBe("written");
  });

  it("leaves dense blank where its library is missing, and says so", async () => {
    const notes: string[] = [];
    const reporter = { ...SILENT, note: (text: string) => void notes.push(text) };
    const { rows } = await run(await openFake({ loadDense: () => undefined }), {}, reporter);
    expect(Object.keys(rows[0]!.times)).toEqual(["fused", "unfused"]);
    expect(notes).toContain("dense: the device has no dense library");
  });

  it("is not timed where it is wrong", async () => {
    const notes: string[] = [];
    const reporter = { ...SILENT, note: (text: string) => void notes.push(text) };
    const damage = (weight: Int4Weight) => {
      const packed = weight.packed.slice();
      packed[5]! ^= 0x70;
      return { ...weight, packed };
    };
    const { rows, wrong } = await run(await openFake({}, damage), {}, reporter);
    expect(wrong).toBe(4);
    expect(rows.every(({ times }) => Object.keys(times).length === 0)).toBe(true);
    expect(rows.every(({ relativeError }) => relativeError! > 1e-3)).toBe(true);
    expect(log.some((entry) => entry.startsWith("time 1"))).toBe(false);
    expect(notes[0]).toMatch(/^fused is WRONG and not timed: matmul M 3, N 32, K 64/);
  });

  it("gives its own ceiling", async () => {
    expect(await measureCeiling(await openFake(), "bfloat16", true)).toBe(ceiling);
  });

  it("has no floor without a probe: the host's memory is not its own", async () => {
    const device = await openFake({ ceiling: undefined } as never);
    expect(await measureCeiling(device, "bfloat16", true)).toBeUndefined();
  });
});

describe("looking for what a device offers", () => {
  it("finds nothing on a device that offers nothing", async () => {
    expect(benchmarkOf(await reference.open())).toEqual({});
  });

  it("takes synchronous products only together", () => {
    const matmulSync = () => {};
    expect(asSync({ matmulSync })).toBeUndefined();
    const both = { matmulSync, matmulTransposedSync: matmulSync };
    expect(asSync(both)).toBe(both);
  });
});
