import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Direction, dequantize, type Int4Weight, roundTo } from "@w4a16/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exactMatmul, reference } from "../src/index.js";
import { randomInt4Weight, randomNormal, seededRandom } from "../src/testing.js";

const awkward = randomInt4Weight(seededRandom(1), {
  outFeatures: 37,
  inFeatures: 30,
  groupSize: 5,
  scale: (random) => random.normal() * 2 ** random.integer(-140, 10),
  zero: (random) => 100 * random.normal(),
});

/** The weight as the device sees it, by multiplying with one-hot activations; [N, K]. */
async function weightSeen(weight: Int4Weight, precision: "float32" | "float64", by: Direction) {
  const device = await reference.open({ precision });
  const { outFeatures: n, inFeatures: k } = weight;
  const size = by === "matmul" ? k : n;
  const oneHot = Float32Array.from({ length: size * size }, (_, i) => +(i % (size + 1) === 0));
  const x = device.tensor([size, size], "float32", oneHot);
  const y = await device.loadWeight(weight)[by](x).readFloat32();
  return by === "matmul" ? y.map((_, i) => y[(i % k) * n + Math.floor(i / k)]!) : y;
}

describe("precision", () => {
  it.each<Direction>(["matmul", "matmulTransposed"])(
    "float32 multiplies by core's dequantize, bit for bit (%s)",
    async (direction) => {
      expect(await weightSeen(awkward, "float32", direction)).toEqual(dequantize(awkward));
    },
  );

  it.each<Direction>(["matmul", "matmulTransposed"])(
    "float64 rounds nothing before the output (%s)",
    async (direction) => {
      const exact = Float32Array.from(dequantize(awkward), (_, i) => {
        const [n, k] = [Math.floor(i / 30), i % 30];
        const byte = awkward.packed[(k >> 1) * 37 + n]!;
        const at = Math.floor(k / 5) * 37 + n;
        return (((byte >> (4 * (k & 1))) & 15) - awkward.zeros[at]!) * awkward.scales[at]!;
      });
      const seen = await weightSeen(awkward, "float64", direction);
      expect(seen).toEqual(exact);
      expect(seen).not.toEqual(dequantize(awkward));
    },
  );

  it("an output of float64 precision is the oracle's, rounded once", async () => {
    const device = await reference.open({ precision: "float64" });
    const x = randomNormal(seededRandom(2), 3 * 30);
    const y = device.loadWeight(awkward).matmul(device.tensor([3, 30], "float32", x));
    expect(await y.readFloat32()).toEqual(new Float32Array(exactMatmul(awkward, x, 3)));
  });
});

describe("loadWeight", () => {
  it("keeps float32 unless asked, and then rounds scales and zeros once", async () => {
    const device = await reference.open();
    const x = device.tensor([1, 30], "float32", randomNormal(seededRandom(3), 30));
    expect(device.loadWeight(awkward).dtype).toBe("float32");
    for (const dtype of ["float16", "bfloat16"] as const) {
      const asked = device.loadWeight(awkward, { dtype });
      expect(asked.dtype).toBe(dtype);
      const rounded = {
        ...awkward,
        scales: roundTo(dtype, awkward.scales),
        zeros: roundTo(dtype, awkward.zeros),
      };
      const expected = await device.loadWeight(rounded).matmul(x).read();
      expect(await asked.matmul(x).read()).toEqual(expected);
    }
  });

  it("copies the weight", async () => {
    const device = await reference.open();
    const weight = structuredClone(awkward);
    const loaded = device.loadWeight(weight);
    const x = device.tensor([1, 30], "float32", randomNormal(seededRandom(4), 30));
    const before = await loaded.matmul(x).read();
    weight.packed.fill(0);
    weight.scales.fill(0);
    weight.zeros.fill(0);
    expect(await loaded.matmul(x).read()).toEqual(before);
  });
});

it("handles that are forgotten give their memory back", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const device = await reference.open();
  (() => {
    const x = device.tensor([64, 30], "float16").view({ rows: [0, 2] });
    device.loadWeight(awkward).matmul(x);
  })();
  expect(device.memory().weights).toBeGreaterThan(0);
  expect(device.memory().tensors).toBeGreaterThan(0);
  for (
    let tries = 0;
    tries < 50 && device.memory().weights + device.memory().tensors > 0;
    tries++
  ) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(device.memory()).toEqual({ weights: 0, tensors: 0 });
});

it("arrays without elements may be detached", async () => {
  const gone = new Float32Array(4);
  structuredClone(gone, { transfer: [gone.buffer] });
  const device = await reference.open();
  expect(await device.tensor([0, 4], "float32", gone).read()).toHaveLength(0);
  const weight = randomInt4Weight(seededRandom(1), { outFeatures: 2, inFeatures: 4 });
  expect(exactMatmul(weight, gone, 0)).toEqual(new Float64Array(0));
});

it("products of a device are adjoint over random shapes", async () => {
  const device = await reference.open();
  const size = fc.integer({ min: 1, max: 70 });
  await fc.assert(
    fc.asyncProperty(size, size, size, fc.integer(), async (m, n, pairs, seed) => {
      const random = seededRandom(seed);
      const k = 2 * pairs;
      const weight = device.loadWeight(
        randomInt4Weight(random, { outFeatures: n, inFeatures: k, groupSize: pairs }),
      );
      const [x, dy] = [randomNormal(random, m * k), randomNormal(random, m * n)];
      const y = await weight.matmul(device.tensor([m, k], "float32", x)).readFloat32();
      const dx = await weight.matmulTransposed(device.tensor([m, n], "float32", dy)).readFloat32();
      let [left, right, magnitude] = [0, 0, 0];
      for (const [i, value] of y.entries()) {
        left += value * dy[i]!;
        magnitude += Math.abs(value * dy[i]!);
      }
      for (const [i, value] of dx.entries()) right += value * x[i]!;
      expect(Math.abs(left - right)).toBeLessThanOrEqual(1e-6 * magnitude);
    }),
    { numRuns: 40 },
  );
});
