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

const held = device.memory();
// The first hundred thousand calls fill the JavaScript heap's young generation and the allocator's
// caches, some 40 MB. They may grow later too, at times; a leak grows every time.
await calls(100000);
const growths = [];
for (let window = 0; window < 4; window++) {
  const before = process.memoryUsage().rss;
  await calls(count / 4);
  globalThis.gc?.();
  growths.push((process.memoryUsage().rss - before) / 1e6);
}
const steady = Math.min(...growths);
console.log(
  `${count} calls, MB more resident in each quarter: ${growths.map((g) => g.toFixed(1))}`,
);
if (steady > 2) throw new Error(`memory grew by ${steady} MB or more in every quarter, 2 allowed`);
const left = JSON.stringify(device.memory());
if (left !== JSON.stringify(held)) {
  throw new Error(`handles leaked: ${left} held, ${JSON.stringify(held)} before the calls`);
}
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
