/**
 * Throughput of every layout, to and from row interleave, on one thread, in MB of
 * packed weight a second: `node bench/layouts.mjs` prints them all.
 */
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
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

/** MB/s of each layout, `to` and `from` row interleave: medians of seven runs. */
export function rates() {
  return Object.entries(layouts).map(([name, [to, from]]) => {
    const stored = to(packed, shape);
    return { name, to: rate(() => to(packed, shape)), from: rate(() => from(stored, shape)) };
  });
}

function rate(run) {
  run();
  const times = Array.from({ length: 7 }, () => {
    const start = performance.now();
    run();
    return performance.now() - start;
  });
  return packed.length / 1e3 / times.sort((a, b) => a - b)[3];
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  for (const { name, to, from } of rates()) {
    const [toRate, fromRate] = [to, from].map((value) => value.toFixed(0).padStart(5));
    console.log(`${name.padEnd(10)} to ${toRate} MB/s   from ${fromRate} MB/s`);
  }
}
