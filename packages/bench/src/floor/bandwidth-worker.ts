/** A thread that reads memory for a while and tells how much it read. */
import { parentPort, workerData } from "node:worker_threads";
import type { BandwidthTask } from "./bandwidth.js";
import { readFor } from "./read.js";

const { bytes, milliseconds } = workerData as BandwidthTask;
parentPort!.postMessage(readFor(bytes, milliseconds));
