// Terminates workers in the middle of a call of the built addon: of `read`, while reads of a GPU are under way, or of
// `pack`, in a function that needs no GPU. Prints how many it ended; that would end the process if the addon let it.
//   node terminate.mjs read|pack [COUNT = 40]
import { createRequire } from "node:module";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { cuda } from "@w4a16/cuda-kernel";

const [kind, count = "40"] = process.argv.slice(2);

if (!isMainThread) await { read, pack }[workerData]();
else await main();

async function read() {
  const device = await cuda.open();
  const tensor = device.tensor([1 << 22], "float32");
  const again = () => tensor.read().then(again);
  for (let i = 0; i < 4; i++) again();
  await tensor.read();
  parentPort.postMessage("under way");
}

function pack() {
  const addon = createRequire(import.meta.url)("../../build/release/w4a16_cuda.node");
  const [n, k] = [256, 256];
  const codes = new Uint8Array((n * k) / 2);
  parentPort.postMessage("under way");
  for (;;) addon.packOnHost(codes, n, k, false);
}

async function main() {
  for (let i = 0; i < Number(count); i++) {
    const worker = new Worker(new URL(import.meta.url), { workerData: kind });
    await new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    // From at once to a few calls later, so as to hit every state.
    if (i % 4 > 0) await new Promise((resolve) => setTimeout(resolve, i % 4));
    await worker.terminate();
  }
  console.log(`${count} workers`);
}
