import { fileURLToPath } from "node:url";
import { ArgumentError, DeviceError } from "@w4a16/core";
import { randomInt4Weight, randomNormal, seededRandom } from "@w4a16/reference/testing";
import { afterEach, describe, expect, it, vi } from "vitest";
import { CPU_KERNELS, cpu, openCpu, supportedKernels } from "../src/index.js";

const available = cpu.availability().available;
const [M, N, K] = [37, 200, 448];
const int4 = randomInt4Weight(seededRandom(1), { outFeatures: N, inFeatures: K, groupSize: 64 });
const squareInt4 = randomInt4Weight(seededRandom(3), {
  outFeatures: 1024,
  inFeatures: 1024,
  groupSize: 64,
});
const values = randomNormal(seededRandom(2), M * Math.max(N, K));

afterEach(() => vi.unstubAllEnvs());

describe.runIf(available)("options", () => {
  it("the description names model, kernel and threads", () => {
    using device = openCpu({ threads: 2 });
    expect(device.description).toContain(`${supportedKernels()[0]} kernel, 2 threads`);
  });

  it.each(supportedKernels())("kernel %s can be forced by option and by environment", (kernel) => {
    using byOption = openCpu({ kernel });
    expect(byOption.kernel).toBe(kernel);
    vi.stubEnv("W4A16_CPU_KERNEL", kernel);
    using byEnvironment = openCpu();
    expect(byEnvironment.kernel).toBe(kernel);
    expect(byEnvironment.description).toContain(kernel);
  });

  it("the option wins over the environment", () => {
    vi.stubEnv("W4A16_CPU_KERNEL", "no-such-kernel");
    using device = openCpu({ kernel: "portable" });
    expect(device.kernel).toBe("portable");
  });

  it.each([
    [{ threads: 0 }],
    [{ threads: 1.5 }],
    [{ threads: 5000 }],
    [{ kernel: "sse" }],
    [{ precision: "float8" }],
    [{ thread: 2 }],
  ])("%j is refused", (options) => {
    expect(() => openCpu(options as object)).toThrow(ArgumentError);
  });

  it("an unknown kernel in the environment is refused by name", () => {
    vi.stubEnv("W4A16_CPU_KERNEL", "sse");
    expect(() => openCpu()).toThrow(/W4A16_CPU_KERNEL/);
  });

  const missing = CPU_KERNELS.find((kernel) => !supportedKernels().includes(kernel));
  it.runIf(missing)("a kernel this CPU cannot run is refused", () => {
    expect(() => openCpu({ kernel: missing })).toThrow(DeviceError);
  });
});

it.each([
  ["is not there", "/no/such.node"],
  ["is none", fileURLToPath(new URL("../package.json", import.meta.url))],
])(
  "an addon that the environment names and that %s: the fix is about the name",
  async (_, file) => {
    vi.stubEnv("W4A16_CPU_ADDON", file);
    vi.resetModules();
    const { cpu: fresh } = await import("../src/index.js");
    expect(fresh.availability()).toMatchObject({
      available: false,
      reason: expect.stringContaining(file),
      fix: expect.stringContaining("W4A16_CPU_ADDON"),
    });
  },
);

describe.runIf(available)("results", () => {
  // With sanitizers, a copy from or to no memory is an error.
  it("columns that a view leaves none of are read, and written", async () => {
    using device = openCpu();
    const none = device.tensor([3, 4], "float32").view({ columns: [2, 2] });
    none.write(new Float32Array(0));
    expect(await none.read()).toEqual(new Float32Array(0));
  });

  it.each(supportedKernels())("%s: the same bits for any number of threads", (kernel) => {
    for (const dtype of ["bfloat16", "float16", "float32"] as const) {
      const outputs = [1, 2, 3, 7].map((threads) => {
        using device = openCpu({ threads, kernel });
        const weight = device.loadWeight(int4);
        const x = device.tensor([M, K], dtype, values.subarray(0, M * K));
        const dy = device.tensor([M, N], dtype, values.subarray(0, M * N));
        return [weight.matmulSync(x).readSync(), weight.matmulTransposedSync(dy).readSync()];
      });
      for (const output of outputs) expect(output).toEqual(outputs[0]);
    }
  });

  it.each(supportedKernels())("%s: a row's bits do not depend on the rows beside it", (kernel) => {
    using device = openCpu({ kernel });
    const weight = device.loadWeight(int4);
    for (const dtype of ["bfloat16", "float16", "float32"] as const) {
      const x = device.tensor([M, K], dtype, values.subarray(0, M * K));
      const all = weight.matmulSync(x).readSync();
      for (const [from, to] of [
        [0, 1],
        [5, 7],
        [11, 14],
        [20, 32],
      ] as const) {
        const part = weight.matmulSync(x.view({ rows: [from, to] })).readSync();
        expect(part).toEqual(all.slice(from * N, to * N));
      }
    }
  });

  // Groups that are no multiple of 8 are padded, with what must not meet an infinity.
  it.each(supportedKernels())("%s: an infinite zero or scale gives infinities", (kernel) => {
    using device = openCpu({ kernel });
    const sizes = { outFeatures: 80, inFeatures: 168 };
    for (const groupSize of [1, 2, 6, 12, 28, 56, 84, 168]) {
      const shape = { ...sizes, groupSize, scale: () => 0.5, code: 9 };
      const weight = randomInt4Weight(seededRandom(7), { ...shape, zero: () => 2 });
      weight.zeros[11] = Number.POSITIVE_INFINITY;
      weight.scales[13] = Number.POSITIVE_INFINITY;
      const x = device.tensor([5, 168], "float32", new Float32Array(5 * 168).fill(1));
      const y = device.loadWeight(weight).matmulSync(x).readSync();
      for (let row = 0; row < 5; row++) {
        const infinite = Array.from(y.subarray(80 * row, 80 * (row + 1)).entries()).filter(
          ([, value]) => !Number.isFinite(value),
        );
        expect(infinite, `groups of ${groupSize}`).toEqual([
          [11, Number.NEGATIVE_INFINITY],
          [13, Number.POSITIVE_INFINITY],
        ]);
      }
    }
  });

  it("sync and async calls agree, in the order they were made", async () => {
    using device = openCpu();
    const weight = device.loadWeight(int4);
    const x = device.tensor([M, K], "float32", values.subarray(0, M * K));
    const first = weight.matmul(x).read();
    const second = weight.matmulSync(x).readSync();
    x.write(new Float32Array(M * K));
    const third = weight.matmul(x).read();
    expect(await first).toEqual(second);
    expect((await third).every((value) => value === 0)).toBe(true);
  });

  it("bfloat16 precision is near, and rounds what exact does not", () => {
    using exact = openCpu();
    using rough = openCpu({ precision: "bfloat16" });
    const [a, b] = [exact, rough].map((device) =>
      device
        .loadWeight(int4)
        .matmulSync(device.tensor([M, K], "float32", values.subarray(0, M * K)))
        .readSync(),
    );
    const error = Math.hypot(...a!.map((value, i) => value - b![i]!)) / Math.hypot(...a!);
    expect(error).toBeLessThan(4e-3);
    if (exact.kernel === "avx512-bf16") expect(error).toBeGreaterThan(1e-4);
  });

  it("the event loop stays free during a long product", async () => {
    using device = openCpu();
    const [n, k, m] = [2048, 2048, 512];
    const weight = device.loadWeight(
      randomInt4Weight(seededRandom(3), { outFeatures: n, inFeatures: k, groupSize: 64 }),
    );
    const x = device.tensor([m, k], "float32");
    let turns = 0;
    let running = true;
    const count = () => {
      turns++;
      if (running) setImmediate(count);
    };
    setImmediate(count);
    await weight.matmul(x).read();
    running = false;
    expect(turns).toBeGreaterThan(10);
  });

  it("an abort stops a product that is running, and its signal is let go of", async () => {
    using device = openCpu();
    const [n, k, m] = [2048, 2048, 2048];
    const weight = device.loadWeight(
      randomInt4Weight(seededRandom(3), { outFeatures: n, inFeatures: k, groupSize: 64 }),
    );
    const x = device.tensor([m, k], "float32");
    const controller = new AbortController();
    const removed = vi.spyOn(controller.signal, "removeEventListener");
    const result = weight.matmul(x, { signal: controller.signal }).read();
    const after = weight.matmul(x.view({ rows: [0, 1] })).read();
    await new Promise((resolve) => setTimeout(resolve, 5));
    controller.abort(new Error("enough"));
    await expect(result).rejects.toMatchObject({
      code: "W4A16_ABORTED",
      cause: { message: "enough" },
    });
    await expect(after).resolves.toHaveLength(n);
    expect(removed).toHaveBeenCalled();
  });

  it("many products may share a signal: it has one listener, and aborts them all", async () => {
    using device = openCpu({ threads: 1 });
    const square = device.loadWeight(squareInt4);
    const x = device.tensor([512, 1024], "float32");
    const controller = new AbortController();
    const added = vi.spyOn(controller.signal, "addEventListener");
    const { signal } = controller;
    const reads = Array.from({ length: 20 }, () => square.matmul(x, { signal }).read());
    controller.abort();
    const results = await Promise.allSettled(reads);
    expect(added).toHaveBeenCalledTimes(1);
    expect(results.filter((result) => result.status === "rejected").length).toBeGreaterThan(10);
  });

  it("what was made of an aborted result is aborted too; writing repairs it", async () => {
    using device = openCpu({ threads: 1 });
    const square = device.loadWeight(squareInt4);
    const x = device.tensor([2048, 1024], "float32");
    const controller = new AbortController();
    const y = square.matmul(x, { signal: controller.signal });
    const z = square.matmul(y);
    controller.abort();
    await expect(z.read()).rejects.toMatchObject({ code: "W4A16_ABORTED" });
    y.write(new Float32Array(2048 * 1024));
    await expect(y.read()).resolves.toHaveLength(2048 * 1024);
  });

  it("an abort spoils what its product would have written, until all of that is written", async () => {
    using device = openCpu({ threads: 1 });
    const square = device.loadWeight(squareInt4);
    const base = device.tensor([10, 1030], "float32");
    const busy = device.tensor([2048, 1024], "float32");
    const out = base.view({ rows: [2, 6], columns: [3, 1027] });
    const controller = new AbortController();
    square.matmul(busy);
    square.matmul(busy.view({ rows: [0, 4] }), { out, signal: controller.signal });
    controller.abort();
    const aborted = { code: "W4A16_ABORTED" };
    const column = (index: number) => base.view({ columns: [index, index + 1] });
    await expect(base.read()).rejects.toMatchObject(aborted);
    await expect(column(3).read()).rejects.toMatchObject(aborted);
    for (const beside of [
      base.view({ rows: [0, 2] }),
      base.view({ rows: [6, 10] }),
      column(2),
      column(1027),
    ]) {
      expect((await beside.read()).every((value) => value === 0)).toBe(true);
    }
    const bias = (row: number) => base.view({ rows: [row, row + 1], columns: [5, 1029] });
    const one = busy.view({ rows: [0, 1] });
    await expect(square.matmul(one, { bias: bias(4) }).read()).rejects.toMatchObject(aborted);
    await expect(square.matmul(one, { bias: bias(7) }).read()).resolves.toHaveLength(1024);
    const top = out.view({ rows: [0, 2] });
    top.write(new Float32Array(2 * 1024));
    await expect(out.read()).rejects.toMatchObject(aborted);
    out.write(new Float32Array(4 * 1024));
    await expect(base.read()).resolves.toHaveLength(10 * 1030);
  });
});

describe.runIf(available)("handles", () => {
  it("pending reads of a device that goes are refused, not left waiting", async () => {
    const device = openCpu();
    const weight = device.loadWeight(int4);
    const x = device.tensor([M, K], "float32", values.subarray(0, M * K));
    const reads = Array.from({ length: 20 }, () => weight.matmul(x).read());
    device.dispose();
    const results = await Promise.allSettled(reads);
    for (const result of results) {
      if (result.status === "rejected") expect(result.reason.code).toBe("W4A16_DISPOSED");
    }
  });

  it("a device that goes has not synchronized", async () => {
    const device = openCpu();
    const weight = device.loadWeight(int4);
    const x = device.tensor([M, K], "float32", values.subarray(0, M * K));
    for (let i = 0; i < 200; i++) weight.matmul(x);
    const synchronized = device.synchronize();
    device.dispose();
    await expect(synchronized).rejects.toMatchObject({ code: "W4A16_DISPOSED" });
  });

  it("groups that fill their quads but no tile stay within their rows", async () => {
    using device = openCpu();
    const [m, n, k] = [3, 64, 240];
    const weight = device.loadWeight(
      randomInt4Weight(seededRandom(5), { outFeatures: n, inFeatures: k, groupSize: 60 }),
    );
    const out = device.tensor([m + 2, k], "float32", new Float32Array((m + 2) * k).fill(7));
    const x = device.tensor([m, n], "float32", values.subarray(0, m * n));
    weight.matmulTransposedSync(x, { out: out.view({ rows: [0, m] }) });
    const after = await out.view({ rows: [m, m + 2] }).read();
    expect(after).toEqual(new Float32Array(2 * k).fill(7));
  });

  it("the addon refuses handles of the wrong type", () => {
    using device = openCpu();
    const { addon, engine } = device;
    const weight = device.addon.loadWeight(
      engine,
      2,
      2,
      2,
      false,
      new Uint8Array(2),
      new Float32Array(2),
      new Float32Array(2),
    )!;
    const wrong = [undefined, null, 1, {}, [], engine, weight, Object.create(engine as object)];
    for (const handle of wrong) {
      expect(() => addon.write(engine, handle as never, 0, 1, 1, 1, new Uint8Array(1))).toThrow(
        TypeError,
      );
    }
    for (const handle of wrong.filter((value) => value !== engine)) {
      expect(() => addon.heldBytes(handle as never)).toThrow(TypeError);
    }
    expect(() => addon.release({} as never)).toThrow(TypeError);
  });

  it("the addon refuses what would reach outside a tensor", () => {
    using device = openCpu();
    const { addon, engine } = device;
    const storage = addon.createStorage(engine, 64, true)!;
    expect(() => addon.write(engine, storage, 60, 8, 8, 1, new Uint8Array(8))).toThrow(RangeError);
    expect(() => addon.read(engine, storage, 0, 16, 32, 3, new Uint8Array(48), undefined)).toThrow(
      RangeError,
    );
  });

  it("an allocation that cannot succeed is a typed error", () => {
    using device = openCpu();
    expect(() => device.tensor([2 ** 40], "float32")).toThrow(
      expect.objectContaining({ code: "W4A16_OUT_OF_MEMORY" }),
    );
  });

  it("memory of dropped handles is collected", async () => {
    using device = openCpu();
    for (let i = 0; i < 200; i++) device.tensor([1 << 20], "float32");
    for (let i = 0; i < 100 && device.memory().tensors > 400e6; i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      new ArrayBuffer(1 << 26);
    }
    expect(device.memory().tensors).toBeLessThan(800e6);
  });
});
