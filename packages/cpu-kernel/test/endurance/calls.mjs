// Makes many calls of every kind and checks that memory stays where it was.
//   node --expose-gc calls.mjs [COUNT = 100000]
import { randomInt4Weight, randomNormal, seededRandom } from "@w4a16/reference/testing";
import { openCpu } from "../../dist/index.js";

const [N, K] = [96, 128];
const count = Number(process.argv[2] ?? 100000);
const device = openCpu();
const weight = device.loadWeight(
  randomInt4Weight(seededRandom(1), { outFeatures: N, inFeatures: K, groupSize: 64 }),
);
const values = randomNormal(seededRandom(2), 4 * K);
const inputs = ["bfloat16", "float16", "float32"].map((dtype) =>
  device.tensor([4, K], dtype, values),
);
const out = device.tensor([4, N], "float32");
const gradient = device.tensor([4, N], "bfloat16", values.subarray(0, 4 * N));

// The first calls fill the JavaScript heap's young generation and the allocator's caches.
await calls(count);
globalThis.gc?.();
const before = process.memoryUsage().rss;
const held = device.memory();
await calls(count);
globalThis.gc?.();
const grown = (process.memoryUsage().rss - before) / 1e6;
console.log(`${count} calls, ${grown.toFixed(1)} MB more resident`);
if (grown > 20) throw new Error("memory grew");
if (JSON.stringify(device.memory()) !== JSON.stringify(held)) throw new Error("handles leaked");
device.dispose();

async function calls(n) {
  for (let i = 0; i < n; i += 5) {
    const x = inputs[i % 3];
    weight.matmul(x, { out });
    weight.matmulSync(x, { out });
    const y = weight.matmul(x);
    const z = weight.matmulTransposedSync(gradient);
    const signal = new AbortController().signal;
    weight.matmul(x, { out, signal });
    await y.read();
    z.readSync();
    y.dispose();
    z.dispose();
  }
  await device.synchronize();
}
