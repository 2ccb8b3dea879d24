/** The main suite on the reference device, timed by the host's clock. */
import { reference } from "@w4a16/reference";
import { describe, expect, it } from "vitest";
import { type Reporter, type Row, runBenchmarks, SILENT } from "../src/index.js";
import { PEERS } from "../src/settings.js";
import { runMatmul } from "../src/suites/matmul.js";
import { matmulSettings } from "./helpers/settings.js";

const settings = matmulSettings({
  device: "reference",
  shapes: [
    { m: 1, n: 48, k: 64 },
    { m: 17, n: 33, k: 96 },
  ],
  peers: ["dense"],
  budget: 0.02,
});

const ceiling = { bytesPerSecond: 1e10, operationsPerSecond: 1e10, method: "assumed" };

describe("runMatmul on the reference device", () => {
  it.each([
    ["bfloat16", false],
    ["float16", true],
    ["float32", true],
  ] as const)("checks and times %s, warm: %s", async (dtype, warm) => {
    const device = await reference.open();
    const { signal } = new AbortController();
    const context = { device, settings: { ...settings, dtype, warm }, reporter: SILENT, signal };
    const rows: Row[] = [];
    expect(await runMatmul(context, ceiling, rows)).toBe(0);
    expect(rows).toHaveLength(4);
    for (const { times, relativeError, floor, cold, m, n, k } of rows) {
      expect(Object.keys(times)).toEqual(["unfused", "dense"]);
      for (const { median, p10, p90 } of Object.values(times)) {
        expect(p10).toBeGreaterThan(0);
        expect(p10).toBeLessThanOrEqual(median);
        expect(median).toBeLessThanOrEqual(p90);
      }
      expect(relativeError).toBeLessThan(1e-6);
      expect(floor).toBeGreaterThanOrEqual((1e6 * 2 * m * n * k) / 1e10);
      expect(cold).toBe(warm ? false : "rotated");
    }
    expect(device.memory()).toEqual({ weights: 0, tensors: 0 });
  });

  it("gives what it has when it is aborted", async () => {
    const controller = new AbortController();
    const reporter: Reporter = { ...SILENT, row: () => controller.abort() };
    const device = await reference.open();
    const context = { device, settings, reporter, signal: controller.signal };
    const rows: Row[] = [];
    await runMatmul(context, ceiling, rows);
    expect(rows).toHaveLength(1);
    expect(device.memory()).toEqual({ weights: 0, tensors: 0 });
  });
});

describe("runBenchmarks", () => {
  it("gives a document of schema 1 for the matmul suite", async () => {
    const { results } = await runBenchmarks(
      { ...settings, warm: true },
      SILENT,
      new AbortController().signal,
    );
    expect(results).toMatchObject({ schema: 1, machine: { cores: expect.any(Number) } });
    expect(results.rows).toHaveLength(4);
    expect(results.machine.ceilings.reference!.method).toMatch(/JavaScript/);
    expect(results).not.toHaveProperty("measures");
  });

  it("tells what to install for peers that are missing", async () => {
    const notes: string[] = [];
    const reporter = { ...SILENT, note: (text: string) => void notes.push(text) };
    const folder = process.env.W4A16_BENCH_PEERS;
    process.env.W4A16_BENCH_PEERS = "/nonexistent";
    try {
      const asked = { ...settings, warm: true, shapes: settings.shapes.slice(0, 1), peers: PEERS };
      await runBenchmarks(asked, reporter, new AbortController().signal);
    } finally {
      if (folder === undefined) delete process.env.W4A16_BENCH_PEERS;
      else process.env.W4A16_BENCH_PEERS = folder;
    }
    expect(notes).toEqual([
      "not installed: onnxruntime-node, onnxruntime-web. To compare with them: npm install --ignore-scripts --prefix /nonexistent onnxruntime-node@1.30.0 onnxruntime-web@1.30.0",
    ]);
  });

  it("refuses a device by name that is not there", async () => {
    const asked = { ...settings, device: "tpu" };
    await expect(runBenchmarks(asked, SILENT, new AbortController().signal)).rejects.toMatchObject({
      code: "W4A16_UNKNOWN_DEVICE",
    });
  });
});
