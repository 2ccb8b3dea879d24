/**
 * What an enqueued product costs the calling thread: `node bench/host-time.mjs`. The GPU's own time
 * is shorter than that for so small a product, and its queue is never full.
 */
import { cuda } from "@w4a16/cuda-kernel";

const [N, K] = [64, 64];
const device = await cuda.open();
const weight = device.loadWeight({
  outFeatures: N,
  inFeatures: K,
  groupSize: K,
  signed: false,
  packed: new Uint8Array((N * K) / 2).map((_, i) => i * 37),
  scales: new Float32Array(N).fill(0.01),
  zeros: new Float32Array(N).fill(7.5),
});
const x = device.tensor([1, K], "bfloat16", new Float32Array(K).fill(1));
const out = device.tensor([1, N], "bfloat16");
console.log(device.description);
for (const calls of [10, 100, 500]) {
  const microseconds = [];
  for (let round = 0; round < 100; round++) {
    await device.synchronize();
    // A core that has slept while it waited is slow at first; that is not the call's cost.
    const awake = process.hrtime.bigint() + 1_000_000n;
    while (process.hrtime.bigint() < awake);
    const start = process.hrtime.bigint();
    for (let i = 0; i < calls; i++) weight.matmul(x, { out });
    microseconds.push(Number(process.hrtime.bigint() - start) / calls / 1000);
  }
  microseconds.sort((a, b) => a - b);
  const [low, median, high] = [10, 50, 90].map((i) => microseconds[i].toFixed(2));
  console.log(
    `${calls} enqueued products: ${median} µs of host time each (p10 ${low}, p90 ${high})`,
  );
}
device.dispose();
