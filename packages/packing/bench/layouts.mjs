/**
 * Throughput of every layout, to and from row interleave, on one thread, in MB of
 * packed weight a second: `node bench/layouts.mjs [MB/s]` fails below that figure.
 */
import * as packing from "../dist/index.js";

const shape = { outFeatures: 4096, inFeatures: 4096 };
const packed = new Uint8Array(2 ** 23);
for (let i = 0; i < packed.length; i++) packed[i] = Math.imul(i, 0x9e3779b1) >>> 24;
const d = new Uint16Array(2 ** 19);

const layouts = {
  gptq: [packing.toGptq, packing.fromGptq],
  awq: [packing.toAwq, packing.fromAwq],
  tinygemm2: withOption(packing.toTinygemm, packing.fromTinygemm, { innerKTiles: 2 }),
  tinygemm4: withOption(packing.toTinygemm, packing.fromTinygemm, { innerKTiles: 4 }),
  tinygemm8: withOption(packing.toTinygemm, packing.fromTinygemm, { innerKTiles: 8 }),
  marlin: [packing.toMarlin, packing.fromMarlin],
  onnx: withOption(packing.toOnnx, packing.fromOnnx, { blockSize: 32 }),
  mlx: [packing.toMlx, packing.fromMlx],
  gemlite: [packing.toGemlite, packing.fromGemlite],
  hqq: [packing.toHqq4bit, packing.fromHqq4bit],
  q4_0: [(bytes) => packing.toGgufQ4_0({ packed: bytes, d }, shape), packing.fromGgufQ4_0],
  q4_1: [(bytes) => packing.toGgufQ4_1({ packed: bytes, d, m: d }, shape), packing.fromGgufQ4_1],
};

function withOption(to, from, option) {
  return [(x) => to(x, { ...shape, ...option }), (x) => from(x, { ...shape, ...option })];
}

const least = Number(process.argv[2] ?? 0);
let tooSlow = 0;
for (const [name, [to, from]] of Object.entries(layouts)) {
  const stored = to(packed, shape);
  const rates = [() => to(packed, shape), () => from(stored, shape)].map((run) => {
    run();
    const times = Array.from({ length: 7 }, () => {
      const start = performance.now();
      run();
      return performance.now() - start;
    });
    return packed.length / 1e3 / times.sort((a, b) => a - b)[3];
  });
  for (const rate of rates) if (rate < least) tooSlow++;
  const [toRate, fromRate] = rates.map((rate) => rate.toFixed(0).padStart(5));
  console.log(`${name.padEnd(10)} to ${toRate} MB/s   from ${fromRate} MB/s`);
}
if (tooSlow > 0) {
  console.error(`${tooSlow} below ${least} MB/s`);
  process.exit(1);
}
