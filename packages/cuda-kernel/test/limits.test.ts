/** What shows only at scale: several GPUs, several processes, more than 2³¹ elements. */
import { spawnSync } from "node:child_process";
import { freemem } from "node:os";
import { fileURLToPath } from "node:url";
import { DeviceError } from "@w4a16/core";
import { randomInt4Weight, randomNormal, seededRandom } from "@w4a16/reference/testing";
import { describe, expect, it } from "vitest";
import { isSupported } from "../src/availability.js";
import { cuda, cudaDevices } from "../src/index.js";

const availability = cuda.availability();
const skipped = availability.available ? "" : ` (skipped: ${availability.reason})`;
const gpus = cudaDevices().filter(isSupported);
const alone = gpus.length < 2 ? ` (skipped: ${gpus.length} GPU)` : "";

const [M, N, K] = [130, 192, 640];
const int4 = randomInt4Weight(seededRandom(1), { outFeatures: N, inFeatures: K, groupSize: 64 });
const values = randomNormal(seededRandom(2), M * K);

describe.skipIf(gpus.length < 2)(`two GPUs${alone}`, () => {
  it("compute at the same time what one computes, and keep their memory apart", async () => {
    using first = await cuda.open({ device: gpus[0]!.ordinal });
    using second = await cuda.open({ device: gpus[1]!.ordinal });
    const devices = [first, second];
    const weights = devices.map((device) => device.loadWeight(int4));
    const xs = devices.map((device) => device.tensor([M, K], "bfloat16", values));
    const expected = await weights[0]!.matmul(xs[0]!).read();
    const reads = Array.from({ length: 40 }, (_, i) => weights[i % 2]!.matmul(xs[i % 2]!).read());
    // Where the two are of one kind, the bits are the same.
    const same = gpus[0]!.name === gpus[1]!.name;
    for (const [i, y] of (await Promise.all(reads)).entries()) {
      if (i % 2 === 0 || same) expect(y).toEqual(expected);
    }
    expect(() => weights[0]!.matmul(xs[1]!)).toThrow(DeviceError);
    expect(() => weights[0]!.matmul(xs[1]!)).toThrow(/another opened device|W4A16_DEVICE_MISMATCH/);
    const before = second.memory();
    const more = first.tensor([1 << 20], "float32");
    expect(second.memory()).toEqual(before);
    more.dispose();
    first.dispose();
    expect((await weights[1]!.matmulTransposed(weights[1]!.matmul(xs[1]!)).read()).length).toBe(
      M * K,
    );
  });
});

describe.skipIf(!availability.available)(`at scale${skipped}`, () => {
  it("products have the same bits in every process", () => {
    const script = fileURLToPath(new URL("./helpers/product-hash.mjs", import.meta.url));
    const hashes = [1, 2, 3].map(() => {
      const { stdout, stderr } = spawnSync(process.execPath, [script], { encoding: "utf8" });
      expect(stderr).toBe("");
      return stdout;
    });
    expect(hashes[0]).toMatch(/^([0-9a-f]{64}\n){12}$/);
    expect(hashes[1]).toBe(hashes[0]);
    expect(hashes[2]).toBe(hashes[0]);
  }, 60_000);

  it.for([undefined, "portable"] as const)(
    "activations and outputs of more than 2³¹ elements, kernel %s",
    { timeout: 60_000 },
    async (kernel, context) => {
      using device = await cuda.open(kernel ? { kernel } : {});
      const [m, n, k] = [2 ** 21 + 3, 16, 1024];
      const { free } = device.deviceMemory();
      if (free < 12 * 2 ** 30) return context.skip(`${Math.round(free / 2 ** 30)} GiB of memory`);
      const narrow = randomInt4Weight(seededRandom(3), {
        outFeatures: n,
        inFeatures: k,
        groupSize: 128,
      });
      const weight = device.loadWeight(narrow);
      const last = { rows: [m - 5, m] as const };
      {
        using x = device.tensor([m, k], "bfloat16");
        using end = x.view(last);
        end.write(randomNormal(seededRandom(4), 5 * k));
        using y = weight.matmul(x);
        using alone = device.tensor([5, k], "bfloat16", await end.readFloat32());
        const read = await y.view(last).readFloat32();
        expect(maxDifference(read, await weight.matmul(alone).readFloat32())).toBeLessThan(0.5);
        expect(read.some((value) => value !== 0)).toBe(true);
        expect((await y.view({ rows: [m - 9, m - 5] }).readFloat32()).every((v) => v === 0)).toBe(
          true,
        );
      }
      using dy = device.tensor([m, n], "bfloat16");
      using end = dy.view(last);
      end.write(randomNormal(seededRandom(5), 5 * n));
      using dx = weight.matmulTransposed(dy);
      using alone = device.tensor([5, n], "bfloat16", await end.readFloat32());
      const read = await dx.view(last).readFloat32();
      expect(maxDifference(read, await weight.matmulTransposed(alone).readFloat32())).toBeLessThan(
        0.05,
      );
      expect(read.some((value) => value !== 0)).toBe(true);
    },
  );
});

describe.skipIf(!availability.available)(`copies${skipped}`, () => {
  it("of a row of more than 2 GiB, and of rows so far apart", {
    timeout: 120_000,
  }, async (context) => {
    using device = await cuda.open();
    const columns = 2 ** 30 + 8;
    const { free } = device.deviceMemory();
    if (free < 8 * 2 ** 30 || freemem() < 16 * 2 ** 30) return context.skip("too little memory");
    using x = device.tensor([2, columns], "bfloat16");
    using y = device.tensor([columns], "bfloat16");
    const ends = x.view({ columns: [columns - 4, columns] });
    ends.write(randomNormal(seededRandom(6), 8));
    const expected = (await ends.read()).slice(4);
    expect(expected.some((bits) => bits !== 0)).toBe(true);
    const row = await x.view({ rows: [1, 2] }).read();
    expect(row.slice(-4)).toEqual(expected);
    y.write(row);
    expect((await y.read()).slice(-4)).toEqual(expected);
  });
});

/** Of other tiles, so rounded otherwise: a wrong address is off by as much as the values are large. */
function maxDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i]!)), 0);
}
