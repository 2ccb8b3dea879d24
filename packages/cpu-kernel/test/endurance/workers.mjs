// Starts worker_threads that compute, and terminates each in the middle of a call.
//   node --expose-gc workers.mjs [COUNT = 1000]
import { readdirSync } from "node:fs";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { randomInt4Weight, seededRandom } from "@w4a16/reference/testing";
import { openCpu } from "../../dist/index.js";

const [N, K, M] = [512, 512, 64];

if (isMainThread) await main(Number(process.argv[2] ?? 1000));
else compute();

function compute() {
  const device = openCpu({ threads: 2 });
  const weight = device.loadWeight(
    randomInt4Weight(seededRandom(1), { outFeatures: N, inFeatures: K, groupSize: 64 }),
  );
  const x = device.tensor([M, K], "bfloat16");
  const again = () => {
    const y = weight.matmul(x);
    y.read().then(() => {
      y.dispose();
      again();
    });
  };
  for (let i = 0; i < 4; i++) again();
  weight.matmulSync(x).dispose();
  parentPort.postMessage("computing");
}

async function main(count) {
  await rounds(20);
  const before = resources();
  await rounds(count);
  const after = resources();
  console.log(`${count} workers`, { before, after });
  if (after.threads > before.threads) {
    throw new Error(`threads leaked: ${after.threads}, ${before.threads} before`);
  }
  // A worker's own heap takes a few MB; a leak of each would show as thousands.
  const grown = after.megabytes - before.megabytes;
  if (grown > 40 + count * 0.1) throw new Error(`memory grew by ${grown} MB`);
}

async function rounds(count) {
  for (let i = 0; i < count; i++) {
    const worker = new Worker(new URL(import.meta.url));
    // Some end while they open their device.
    await new Promise((resolve, reject) => {
      worker.once(i % 5 === 0 ? "online" : "message", resolve);
      worker.once("error", reject);
    });
    // From at once to a few calls later, so as to hit every state.
    const delay = i % 5 === 0 ? i % 100 : i % 4;
    if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
    await worker.terminate();
  }
}

function resources() {
  globalThis.gc?.();
  const megabytes = Math.round(process.memoryUsage().rss / 1e6);
  const threads = process.platform === "linux" ? readdirSync("/proc/self/task").length : 0;
  return { megabytes, threads };
}
