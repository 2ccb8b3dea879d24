/** What CUDA devices have beyond the seam: streams, events, graphs, strategies. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import { ArgumentError, type DeviceError, type DType } from "@w4a16/core";
import { relativeFrobenius } from "@w4a16/reference/metrics";
import { randomInt4Weight, randomNormal, seededRandom } from "@w4a16/reference/testing";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { CudaDevice, cuda, cudaDevices } from "../src/index.js";
import { fakeAddon } from "./helpers/fake-addon.js";
import { FAKE_INFO } from "./helpers/fake-device.mjs";

const availability = cuda.availability();
const [M, N, K] = [37, 200, 448];
const int4 = randomInt4Weight(seededRandom(1), { outFeatures: N, inFeatures: K, groupSize: 64 });
const values = randomNormal(seededRandom(2), M * K);
const others = randomNormal(seededRandom(3), M * K);

describe.runIf(!availability.available)("where there is no GPU", () => {
  it("says what is missing, by a code of its own, and how to get it", () => {
    if (availability.available) return;
    expect(availability.code).toMatch(
      /^W4A16_CUDA_(ADDON_NOT_BUILT|NO_DRIVER|DRIVER_TOO_OLD|NO_DEVICE|UNSUPPORTED_DEVICE)$/,
    );
    expect(availability.reason).toContain(availability.code);
    expect(availability.fix).not.toBe("");
    expect(cudaDevices().filter((device) => device.major >= 8)).toEqual([]);
  });
});

const bytes = ({ buffer, byteOffset, byteLength }: Float32Array) =>
  Buffer.from(buffer, byteOffset, byteLength);

const skipped = availability.available ? "" : ` (skipped: ${availability.reason})`;
describe.skipIf(!availability.available)(`cuda device${skipped}`, () => {
  let device: CudaDevice;
  beforeAll(async () => {
    device = await cuda.open();
  });
  afterAll(() => device.dispose());

  it("refuses a GPU that is not there", async () => {
    await expect(cuda.open({ device: 99 })).rejects.toThrow(ArgumentError);
  });

  it("products of two streams are what they are on one", async () => {
    const weight = device.loadWeight(int4);
    const x = device.tensor([M, K], "bfloat16", values);
    const expected = await weight.matmul(x).read();
    const streams = [device.createStream(), device.createStream()];
    await device.synchronize();
    const reads = Array.from({ length: 40 }, (_, i) =>
      streams[i % 2]!.run(() => weight.matmul(x).read()),
    );
    for (const result of await Promise.all(reads)) expect(result).toEqual(expected);
    for (const stream of streams) stream.dispose();
  });

  it("an event orders two streams, and two events measure time", async () => {
    const weight = device.loadWeight(int4);
    const x = device.tensor([M, K], "float16", values);
    const expected = await weight.matmulTransposed(weight.matmul(x)).read();
    using first = device.createStream();
    using second = device.createStream();
    using start = device.createEvent();
    using done = device.createEvent();
    const y = first.run(() => {
      start.record();
      const product = weight.matmul(x);
      done.record();
      return product;
    });
    const dx = second.run(() => {
      done.wait();
      return weight.matmulTransposed(y);
    });
    expect(await second.run(() => dx.read())).toEqual(expected);
    expect(done.millisecondsSince(start)).toBeGreaterThan(0);
  });

  it.each<DType>(["float16", "bfloat16", "float32"])(
    "a graph replays on new data in %s",
    async (dtype) => {
      const weight = device.loadWeight(int4);
      const x = device.tensor([M, K], dtype, values);
      const out = device.tensor([M, N], dtype);
      const first = await weight.matmul(x).read();
      using graph = device.capture(() => {
        weight.matmul(x, { out });
      });
      expect(await out.read()).not.toEqual(first);
      graph.launch();
      expect(await out.read()).toEqual(first);
      x.write(others);
      graph.launch();
      expect(await out.read()).toEqual(await weight.matmul(x).read());
    },
  );

  it("what cannot be captured is refused, and the device works on", async () => {
    const weight = device.loadWeight(int4);
    const x = device.tensor([M, K], "float16", values);
    const expected = await weight.matmul(x).read();
    const out = device.tensor([M, N], "float16");
    using event = device.createEvent();
    event.record();
    using product = device.capture(() => weight.matmul(x, { out }));
    const refused = [
      () => weight.matmul(x),
      () => x.write(others),
      () => device.createStream(),
      () => event.record(),
      () => event.wait(),
      () => product.launch(),
    ];
    for (const enqueue of refused) expect(() => device.capture(enqueue)).toThrow(/capture/);
    event.wait();
    const waits: Promise<unknown>[] = [];
    using graph = device.capture(() => {
      weight.matmul(x, { out });
      waits.push(x.read(), device.synchronize());
    });
    const reason = { code: "W4A16_INVALID_VALUE", subject: "capture" };
    expect(await Promise.allSettled(waits)).toMatchObject([{ reason }, { reason }]);
    graph.launch();
    expect(await out.read()).toEqual(expected);
    expect(await weight.matmul(x).read()).toEqual(expected);
  });

  // Zero points kept in the activations' dtype, and others: Hopper kernels have a table for each.
  it.each<[DType, DType]>([
    ["float16", "float16"],
    ["float16", "float32"],
    ["bfloat16", "bfloat16"],
    ["bfloat16", "float32"],
  ])("%s, kept in %s: one-hot rows give dequantize()", async (dtype, kept) => {
    using hopper = await cuda.open({ kernel: "hopper" }).catch(() => undefined);
    const opened = hopper ?? device;
    const identity = new Float32Array(N * N);
    for (let i = 0; i < N; i++) identity[i * N + i] = 1;
    for (const signed of [false, true]) {
      const shape = { outFeatures: N, inFeatures: K, groupSize: 64, signed };
      const weight = opened.loadWeight(randomInt4Weight(seededRandom(6), shape), { dtype: kept });
      const rows = weight.matmulTransposed(opened.tensor([N, N], dtype, identity));
      expect(await rows.read()).toEqual(await weight.dequantize(dtype).read());
    }
  });

  it('strategy "dequantize" gives the same product where cuBLAS is found', async (context) => {
    const weight = device.loadWeight(int4);
    const x = device.tensor([M, K], "bfloat16", values);
    const fused = await weight.matmul(x, { outDtype: "float32" }).readFloat32();
    let dense: Float32Array;
    try {
      const y = weight.matmul(x, { strategy: "dequantize", outDtype: "float32" });
      dense = await y.readFloat32();
    } catch (error) {
      return context.skip((error as Error).message);
    }
    expect(relativeFrobenius(dense, Float64Array.from(fused))).toBeLessThan(1e-5);
    const out = device.tensor([M, N], "float32");
    using graph = device.capture(() => weight.matmul(x, { strategy: "dequantize", out }));
    expect(await out.readFloat32()).toEqual(new Float32Array(M * N));
    for (let i = 0; i < 3; i++) {
      graph.launch();
      expect(await out.readFloat32()).toEqual(dense);
    }
    const bias = device.tensor([N], "float32");
    expect(() => weight.matmul(x, { strategy: "dequantize", bias })).toThrow(ArgumentError);
  });

  it("tells which kernel a product would use, and why", async () => {
    using portable = await cuda.open({ kernel: "portable" });
    const weight = portable.loadWeight(int4);
    expect(weight.explain("matmul", 1, "float32").kernel).toBe("simt-float32");
    const choice = weight.explain("matmul", 1, "bfloat16");
    expect(choice).toMatchObject({ kernel: "sm80-mma", tileTokens: 8 });
    expect(choice.notHopper).toMatch(/asked for/);
    expect(portable.description).toMatch(/asked for/);
  });

  it.each(["option", "environment"])("refuses a kernel it does not know, by %s", async (source) => {
    const kernel = "fastest";
    if (source === "environment") vi.stubEnv("W4A16_CUDA_KERNEL", kernel);
    const options = source === "option" ? { kernel: kernel as "portable" } : {};
    await expect(cuda.open(options)).rejects.toThrow(/portable or hopper.*fastest/s);
    vi.unstubAllEnvs();
  });

  it("gives Hopper products where the device has the kernels, and else says why not", async () => {
    const hopper = await cuda.open({ kernel: "hopper" }).catch((error: DeviceError) => error);
    if (hopper instanceof Error) {
      expect(hopper).toMatchObject({ code: "W4A16_DEVICE_UNAVAILABLE" });
      expect(device.description).toMatch(/no wgmma: ./);
      return;
    }
    using opened = hopper;
    const weight = opened.loadWeight(int4);
    expect(weight.explain("matmul", M, "bfloat16").kernel).toBe("sm90a-wgmma");
    expect(weight.explain("matmul", M, "float32").kernel).toBe("simt-float32");
    const odd = randomInt4Weight(seededRandom(4), {
      outFeatures: 64,
      inFeatures: 96,
      groupSize: 48,
    });
    const choice = opened.loadWeight(odd).explain("matmul", M, "bfloat16");
    expect(choice).toMatchObject({ kernel: "sm80-mma" });
    expect(choice.notHopper).toMatch(/group size/);
  });

  it("large products are alike by either kernel, on streams and in graphs", async () => {
    const [m, n, k] = [512, 6144, 1536]; // a last wave in parts, through the workspace, on 132 multiprocessors
    const random = seededRandom(5);
    const large = randomInt4Weight(random, { outFeatures: n, inFeatures: k, groupSize: 128 });
    const rows = randomNormal(random, m * k);
    using portable = await cuda.open({ kernel: "portable" });
    const y = portable.loadWeight(large).matmul(portable.tensor([m, k], "bfloat16", rows));
    const expected = Float64Array.from(await y.readFloat32());
    const weight = device.loadWeight(large);
    const x = device.tensor([m, k], "bfloat16", rows);
    const first = await weight.matmul(x).readFloat32();
    expect(relativeFrobenius(first, expected)).toBeLessThan(3e-3);
    const same = (values: Float32Array) => Buffer.compare(bytes(values), bytes(first)) === 0;
    const outs = [0, 1].map(() => device.tensor([m, n], "bfloat16"));
    using graph = device.capture(() => {
      for (const out of outs) weight.matmul(x, { out });
    });
    using stream = device.createStream();
    await device.synchronize();
    for (let i = 0; i < 5; i++) {
      graph.launch();
      expect(same(await stream.run(() => weight.matmul(x).readFloat32()))).toBe(true);
      for (const out of outs) expect(same(await out.readFloat32())).toBe(true);
    }
  }, 60_000);

  it("memory statistics of the GPU", () => {
    const { free, total } = device.deviceMemory();
    expect(free).toBeGreaterThan(0);
    expect(total).toBeGreaterThanOrEqual(free);
  });

  it("an enqueued product costs at most 5 µs of host time", () => {
    // The built package, in a process of its own: a test runner's module loader costs microseconds itself.
    const script = fileURLToPath(new URL("../bench/host-time.mjs", import.meta.url));
    const { stdout, stderr } = spawnSync(process.execPath, [script], { encoding: "utf8" });
    console.log(stdout + stderr);
    const [, median] = /500 enqueued products: ([\d.]+)/.exec(stdout) ?? [];
    expect(Number(median)).toBeLessThan(5);
  });
});

it("handles that are forgotten are given back, on an addon that only pretends", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const { addon, live } = fakeAddon();
  const device = new CudaDevice(addon, FAKE_INFO);
  const kept = device.tensor([4], "float32");
  for (let i = 0; i < 20; i++) {
    device.tensor([4], "float32");
    device.createEvent();
  }
  expect(live.size).toBe(41);
  for (let tries = 0; tries < 50 && live.size > 1; tries++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect([...live]).toEqual([kept.storage.memory]);
});

describe("worker threads", () => {
  it("load the addon, and stop, many times", async () => {
    const built = new URL("../dist/index.js", import.meta.url).href;
    const script = `
      const { cuda } = await import(${JSON.stringify(built)});
      cuda.availability();
    `;
    for (let i = 0; i < 20; i++) {
      const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`));
      const code = await new Promise((resolve, reject) => {
        worker.on("exit", resolve);
        worker.on("error", reject);
      });
      expect(code).toBe(0);
    }
  });

  const built = existsSync(new URL("../build/release/w4a16_cuda.node", import.meta.url));
  const ending = [
    ["a function of the addon", "pack", built ? "" : " (skipped: the CUDA addon is not built)"],
    ["a read()", "read", skipped],
  ] as const;
  for (const [what, kind, reason] of ending) {
    it.skipIf(reason !== "")(
      `end the worker only, in the middle of ${what}${reason}`,
      () => {
        const script = fileURLToPath(new URL("./helpers/terminate.mjs", import.meta.url));
        const ended = spawnSync(process.execPath, [script, kind], { encoding: "utf8" });
        expect(ended).toMatchObject({ stdout: "40 workers\n", stderr: "", status: 0 });
      },
      60_000,
    );
  }
});
