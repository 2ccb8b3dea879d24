// This kernel against onnxruntime-node's MatMulNBits: the same weights and activations, interleaved
// runs, medians. onnxruntime-node is no dependency: install it anywhere and name its directory.
//
//   node bench/versus-onnxruntime.mjs --onnxruntime=DIR [--m=1,16,…] [--shapes=4096x4096,…]
//        [--groups=64,128] [--rows=bf16,fp16,fp32,zeros,cold,transposed] [--seconds=1] [--json]
//
// Ends with status 1 if a ratio is below its floor, and with a list of those. With --json, standard
// output is one JSON document: the machine, both versions, and every ratio.
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { decodeBFloat16, encodeBFloat16, encodeFloat16 } from "@w4a16/core";
import { openCpu } from "../dist/index.js";
import { elementType, matMulNBitsModel } from "./onnx-model.mjs";

const { values: flags } = parseArgs({
  options: {
    onnxruntime: { type: "string", default: "." },
    m: { type: "string", default: "1,16,32,128,256,512,1024" },
    shapes: { type: "string", default: "4096x4096" },
    groups: { type: "string", default: "64,128" },
    rows: { type: "string", default: "bf16,fp16,fp32,zeros,cold,transposed" },
    seconds: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});
const list = (text) => text.split(",");
const require = createRequire(join(resolve(flags.onnxruntime), "package.json"));
const ort = require("onnxruntime-node");
const threads = availableParallelism();
const device = openCpu();

/** Enough copies of a weight that none is in the last-level cache when its turn comes. */
const COLD_BYTES = 200e6;

const zerosFloor = (m) => ({ 16: 20, 128: 6, 1024: 2 })[m];

/** The least ratio that each line must reach, by M. */
const floors = {
  "bf16 / level 0": (m) => (m === 1 ? 3 : m < 128 ? 2.7 : 1.9),
  "bf16 / level 4": (m) => (m === 1 ? undefined : 1),
  "fp16 / level 0": (m) => (m === 1 ? undefined : 1.5),
  "fp16 / level 0 (fp16 in)": (m) => (m === 1 ? undefined : 1.5),
  "fp32 / level 0": (m) => (m === 1 ? undefined : m < 128 ? 1.4 : 1),
  "bf16 zeros / float zeros": zerosFloor,
  "fp16 zeros / float zeros": zerosFloor,
  "fp32 zeros / float zeros": zerosFloor,
  "bf16 cold / level 0 cold": () => 1.5,
  "bfloat16 transposed / forward": () => 0.85,
  "float16 transposed / forward": () => 0.85,
  "float32 transposed / forward": () => 0.85,
};

function randomWeight(n, k, groupSize) {
  const packed = new Uint8Array((k / 2) * n);
  for (let i = 0; i < packed.length; i++) packed[i] = Math.random() * 256;
  const parameters = (k / groupSize) * n;
  const scales = new Float32Array(parameters).map(() => 0.002 + 0.004 * Math.random());
  const zeros = new Float32Array(parameters).map(() => 6 + Math.floor(4 * Math.random()));
  return { outFeatures: n, inFeatures: k, groupSize, signed: false, packed, scales, zeros };
}

/** The same weight in ONNX Runtime's blocks: [N, K/G, G/2] bytes, scales and zeros [N, K/G]. */
function onnxWeight(weight) {
  const { outFeatures: n, inFeatures: k, groupSize, packed } = weight;
  const groups = k / groupSize;
  const blocks = new Uint8Array(packed.length);
  for (let i = 0; i < k / 2; i++) {
    for (let j = 0; j < n; j++) blocks[(j * k) / 2 + i] = packed[i * n + j];
  }
  const scales = new Float32Array(n * groups);
  const zeros = new Float32Array(n * groups);
  const packedZeros = new Uint8Array(n * Math.ceil(groups / 2));
  for (let j = 0; j < n; j++) {
    for (let g = 0; g < groups; g++) {
      scales[j * groups + g] = weight.scales[g * n + j];
      zeros[j * groups + g] = weight.zeros[g * n + j];
      packedZeros[j * Math.ceil(groups / 2) + (g >> 1)] |= weight.zeros[g * n + j] << (4 * (g & 1));
    }
  }
  return { blocks, scales, zeros, packedZeros };
}

/** An ONNX Runtime session for a weight; `run(x32, m)` gives a promise of its output. */
async function session(weight, { level, half = false, floatZeros = false }) {
  const { outFeatures: N, inFeatures: K, groupSize } = weight;
  const onnx = onnxWeight(weight);
  const cast = (values) => (half ? encodeFloat16(values) : values);
  const model = matMulNBitsModel({
    N,
    K,
    groupSize,
    accuracyLevel: level,
    type: half ? elementType.float16 : elementType.float32,
    blocks: onnx.blocks,
    scales: cast(onnx.scales),
    zeros: floatZeros ? cast(onnx.zeros) : onnx.packedZeros,
  });
  const options = { intraOpNumThreads: threads, graphOptimizationLevel: "all" };
  const inference = await ort.InferenceSession.create(model, options);
  return (x, m) => {
    const A = new ort.Tensor(half ? "float16" : "float32", half ? encodeFloat16(x) : x, [m, K]);
    return async () => (await inference.run({ A })).Y.data;
  };
}

/** A product of ours as a function, with its output allocated once. */
function ours(weight, dtype, x, m, direction = "matmulSync") {
  const [reduction, width] =
    direction === "matmulSync"
      ? [weight.inFeatures, weight.outFeatures]
      : [weight.outFeatures, weight.inFeatures];
  const input = device.tensor([m, reduction], dtype, x);
  const out = device.tensor([m, width], dtype);
  return () => weight[direction](input, { out });
}

/** ONNX Runtime's threads spin for some 30 ms after a run; nobody is to be timed beside them. */
const SETTLE_MS = 50;

/** After that rest, clock and caches take some runs until they are those of a busy program. */
const WARM_UP_MS = 3;

async function warmUp(run) {
  const end = performance.now() + WARM_UP_MS;
  do await run();
  while (performance.now() < end);
}

/** Median milliseconds of each function. They take turns, and each is warmed up in its turn. */
async function interleave(functions, seconds) {
  const times = functions.map(() => []);
  for (const run of functions) await run();
  const end = performance.now() + seconds * 1e3;
  for (let round = 0; round < 5 || (performance.now() < end && round < 300); round++) {
    for (const [i, run] of functions.entries()) {
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      await warmUp(run);
      const start = performance.now();
      await run();
      times[i].push(performance.now() - start);
    }
  }
  return times.map((list) => list.sort((a, b) => a - b)[list.length >> 1]);
}

const results = [];
function report(shape, m, line, ms, peerMs) {
  const ratio = peerMs / ms;
  const floor = floors[line]?.(m);
  results.push({ ...shape, m, line, ms, peerMs, ratio, floor });
  if (flags.json) return;
  const gflops = (2 * m * shape.n * shape.k) / ms / 1e6;
  const verdict = floor === undefined ? "" : ratio >= floor ? `ok (≥ ${floor})` : `BELOW ${floor}`;
  console.log(
    `N ${shape.n} K ${shape.k} G ${shape.g} M ${String(m).padEnd(4)} ${line.padEnd(26)} ${ms.toFixed(3).padStart(9)} ms ${gflops.toFixed(0).padStart(5)} GF/s  peer ${peerMs.toFixed(3).padStart(9)} ms  ${ratio.toFixed(2)}× ${verdict}`,
  );
}

async function measure(n, k, g) {
  const shape = { n, k, g };
  const plain = randomWeight(n, k, g);
  const weight = device.loadWeight(plain);
  const wants = (row) => list(flags.rows).includes(row);
  const peers = {
    level0: await session(plain, { level: 0 }),
    level4: wants("bf16") && (await session(plain, { level: 4 })),
    half0: wants("fp16") && (await session(plain, { level: 0, half: true })),
    floatZeros: wants("zeros") && (await session(plain, { level: 0, floatZeros: true })),
  };
  for (const m of list(flags.m).map(Number)) {
    const x = new Float32Array(m * Math.max(k, n)).map(() => Math.random() + Math.random() - 1);
    const rounded = decodeBFloat16(encodeBFloat16(x.subarray(0, m * k)));
    const lines = [];
    const add = (row, line, mine, peer) => wants(row) && lines.push([line, mine, peer]);
    const bf16 = ours(weight, "bfloat16", rounded, m);
    const fp16 = wants("fp16") && ours(weight, "float16", rounded, m);
    const fp32 = wants("fp32") && ours(weight, "float32", rounded, m);
    const level0 = peers.level0(rounded, m);
    add("bf16", "bf16 / level 0", bf16, level0);
    if (peers.level4) add("bf16", "bf16 / level 4", bf16, peers.level4(rounded, m));
    add("fp16", "fp16 / level 0", fp16, level0);
    if (peers.half0) add("fp16", "fp16 / level 0 (fp16 in)", fp16, peers.half0(rounded, m));
    add("fp32", "fp32 / level 0", fp32, level0);
    if (peers.floatZeros) {
      const peer = peers.floatZeros(rounded, m);
      add("zeros", "bf16 zeros / float zeros", bf16, peer);
      if (fp16) add("zeros", "fp16 zeros / float zeros", fp16, peer);
      if (fp32) add("zeros", "fp32 zeros / float zeros", fp32, peer);
    }
    for (const dtype of wants("transposed") ? ["bfloat16", "float16", "float32"] : []) {
      const transposed = ours(weight, dtype, x.subarray(0, m * n), m, "matmulTransposedSync");
      const forward = ours(weight, dtype, x.subarray(0, m * k), m);
      add("transposed", `${dtype} transposed / forward`, transposed, forward);
    }
    const functions = [...new Set(lines.flatMap(([, mine, peer]) => [mine, peer]))];
    const medians = await interleave(functions, Number(flags.seconds));
    const ms = new Map(functions.map((run, i) => [run, medians[i]]));
    for (const [line, mine, peer] of lines) report(shape, m, line, ms.get(mine), ms.get(peer));
  }
  weight.dispose();
  if (wants("cold")) await measureCold(shape, plain);
}

async function measureCold(shape, plain) {
  const { n, k } = shape;
  const copies = Math.ceil(COLD_BYTES / (0.5 * n * k));
  const x = new Float32Array(k).map(() => Math.random() - 0.5);
  const weights = Array.from({ length: copies }, () => device.loadWeight(plain));
  const mine = weights.map((weight) => ours(weight, "bfloat16", x, 1));
  const peers = [];
  for (let i = 0; i < copies; i++) peers.push((await session(plain, { level: 0 }))(x, 1));
  let [a, b] = [0, 0];
  const [ms, peerMs] = await interleave(
    [() => mine[a++ % copies](), () => peers[b++ % copies]()],
    Number(flags.seconds),
  );
  report(shape, 1, "bf16 cold / level 0 cold", ms, peerMs);
  for (const weight of weights) weight.dispose();
}

const setting = {
  device: device.description,
  onnxruntime: require("onnxruntime-node/package.json").version,
  intraOpNumThreads: threads,
};
if (!flags.json) {
  console.log(
    `${setting.device}; onnxruntime-node ${setting.onnxruntime}, intraOpNumThreads ${threads}`,
  );
}
for (const shape of list(flags.shapes)) {
  const [n, k] = shape.split("x").map(Number);
  for (const g of list(flags.groups).map(Number)) await measure(n, k, g);
}
device.dispose();
const below = results.filter((result) => result.ratio < result.floor);
if (flags.json) {
  console.log(JSON.stringify({ ...setting, results }, null, 1));
} else {
  console.log(`${results.length} ratios, ${below.length} below what is required`);
  for (const { n, k, g, m, line, ratio, floor } of below) {
    console.log(`  N ${n} K ${k} G ${g} M ${m}: ${line} is ${ratio.toFixed(2)}×, not ${floor}×`);
  }
}
process.exitCode = below.length > 0 ? 1 : 0;
