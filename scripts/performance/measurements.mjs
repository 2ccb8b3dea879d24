/**
 * The promised figures. Run with a name, this file measures that one in this
 * process and prints it: memory, above all, wants a process of its own.
 */
import { argv, memoryUsage, resourceUsage } from "node:process";
import { fileURLToPath } from "node:url";
import { quantizeHqq, quantizeHqqAsync } from "../../packages/core/dist/index.js";
import { packLinear } from "../../packages/packing/dist/index.js";
import { reference } from "../../packages/reference/dist/index.js";
import {
  randomInt4Weight,
  randomNormal,
  seededRandom,
} from "../../packages/reference/dist/testing.js";

const SIZE = 4096;
const SHAPE = { outFeatures: SIZE, inFeatures: SIZE, groupSize: 64 };

export const measurements = {
  "pack 4096×4096, one thread": {
    unit: "ms",
    atMost: 60,
    run: () => {
      const codes = Uint8Array.from({ length: SIZE * SIZE }, (_, i) => (i * 7 + (i >> 5)) & 15);
      return best(5, () => packLinear(codes, { outFeatures: SIZE, inFeatures: SIZE }));
    },
  },
  "HQQ 4096×4096 G 64, one thread": {
    unit: "s",
    atMost: 1.2,
    run: async () => {
      const weight = normalWeight();
      return (await best(2, () => quantizeHqq(weight, SHAPE))) / 1000;
    },
  },
  "HQQ 4096×4096 G 64, two workers": {
    unit: "s",
    atMost: 0.75,
    run: async () => {
      const weight = normalWeight();
      return (await best(3, () => quantizeHqqAsync(weight, { ...SHAPE, workers: 2 }))) / 1000;
    },
  },
  "HQQ 4096×4096 peak memory over the input's bytes, one thread": {
    unit: "×",
    atMost: 2.5,
    run: () => peakMemory((weight) => quantizeHqq(weight, SHAPE)),
  },
  "HQQ 4096×4096 peak memory over the input's bytes, two workers": {
    unit: "×",
    atMost: 2.5,
    run: () => peakMemory((weight) => quantizeHqqAsync(weight, { ...SHAPE, workers: 2 })),
  },
  "reference M 16, N = K = 4096, one thread": {
    unit: "GFLOP/s",
    atLeast: 4,
    run: async () => {
      const random = seededRandom(1);
      const device = await reference.open();
      const weight = device.loadWeight(randomInt4Weight(random, SHAPE));
      const x = device.tensor([16, SIZE], "float32", randomNormal(random, 16 * SIZE));
      const milliseconds = await best(5, () => weight.matmul(x));
      return (2 * 16 * SIZE * SIZE) / milliseconds / 1e6;
    },
  },
};

/** Shortest of `runs` runs after a first one, in milliseconds. */
async function best(runs, work) {
  await work();
  let shortest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    await work();
    shortest = Math.min(shortest, performance.now() - start);
  }
  return shortest;
}

/** Peak resident memory of one call, its input counted in, as a multiple of the input. */
async function peakMemory(work) {
  const before = memoryUsage.rss();
  const weight = normalWeight();
  await work(weight);
  return (resourceUsage().maxRSS * 1024 - before) / weight.byteLength;
}

function normalWeight() {
  return randomNormal(seededRandom(1), SIZE * SIZE, 0, 0.02);
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  console.log(await measurements[argv[2]].run());
}
