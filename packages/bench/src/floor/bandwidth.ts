/** How fast memory, or the last-level cache, can be read on this machine. */
import { Worker } from "node:worker_threads";
import { readFor } from "./read.js";

export interface BandwidthTask {
  /** Bytes that each thread goes through. */
  readonly bytes: number;
  readonly milliseconds: number;
}

/** Bytes a second that `threads` threads read together, of `bytes` bytes in all. */
export async function readBandwidth(
  bytes: number,
  threads: number,
  milliseconds = 250,
): Promise<number> {
  const task: BandwidthTask = { bytes: bytes / threads, milliseconds };
  if (threads === 1) return readFor(task.bytes, task.milliseconds);
  const script = new URL("./bandwidth-worker.js", import.meta.url);
  const readers = Array.from({ length: threads }, () => readInThread(script, task));
  const rates = await Promise.all(readers);
  return rates.reduce((total, rate) => total + rate, 0);
}

function readInThread(script: URL, task: BandwidthTask): Promise<number> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(script, { workerData: task });
    worker.once("message", resolve).once("error", reject);
  });
}
