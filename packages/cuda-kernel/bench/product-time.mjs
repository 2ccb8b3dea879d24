/**
 * GPU time of products through the addon, by the kernel it chooses and by the portable one:
 * `node bench/product-time.mjs`. Replays of a graph of 20 products, the two kernels taking turns, medians.
 */
import { cuda } from "@w4a16/cuda-kernel";

const [N, K, G, PRODUCTS, ROUNDS] = [4096, 4096, 128, 20, 15];
const int4 = {
  outFeatures: N,
  inFeatures: K,
  groupSize: G,
  signed: false,
  packed: new Uint8Array((N * K) / 2).map((_, i) => i * 37),
  scales: new Float32Array((N * K) / G).fill(0.01),
  zeros: new Float32Array((N * K) / G).fill(7.5),
};
const devices = [await cuda.open(), await cuda.open({ kernel: "portable" })];
const weights = devices.map((device) => device.loadWeight(int4));
const results = [];
for (const m of [1, 16, 128, 1024, 4096]) {
  for (const direction of ["matmul", "matmulTransposed"]) {
    const replays = weights.map((weight) => prepare(weight, direction, m));
    const times = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, replay] of replays.entries()) times[i].push(await replay());
    }
    const [chosen, portable] = times.map((t) => t.sort((a, b) => a - b)[ROUNDS >> 1]);
    const choice = weights[0].explain(direction, m, "bfloat16");
    results.push({ m, direction, microseconds: round(chosen), portable: round(portable), choice });
  }
}
console.log(JSON.stringify({ device: devices[0].description, N, K, G, results }, null, 1));
for (const device of devices) device.dispose();

/** Microseconds of one product, in a graph of many. */
function prepare(weight, direction, m) {
  const { device } = weight;
  const x = device.tensor([m, K], "bfloat16", new Float32Array(m * K).fill(0.5));
  const out = device.tensor([m, N], "bfloat16");
  weight[direction](x, { out });
  const graph = device.capture(() => {
    for (let i = 0; i < PRODUCTS; i++) weight[direction](x, { out });
  });
  const [start, end] = [device.createEvent(), device.createEvent()];
  return async () => {
    graph.launch();
    start.record();
    graph.launch();
    end.record();
    await device.synchronize();
    return (end.millisecondsSince(start) * 1000) / PRODUCTS;
  };
}

function round(microseconds) {
  return Math.round(microseconds * 10) / 10;
}
