/** What a weight costs in memory: on the device by its own account, and in a process. */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { DeviceError } from "@w4a16/core";
import type { SuiteContext } from "./context.js";
import { K, N } from "./sizes.js";
import type { Case } from "./small.js";

export interface MemoryTask {
  readonly device: string;
  readonly n: number;
  readonly k: number;
  readonly groupSize: number;
  /** Weights held at once, so that the process's own ups and downs stay small beside them. */
  readonly count: number;
}

/** Bytes for each weight. */
export interface MemoryAnswer {
  readonly held: number;
  readonly resident: number;
}

const MIB = 2 ** 20;

export async function* memoryCases({ device, settings }: SuiteContext): AsyncGenerator<Case> {
  const { groupSize } = settings;
  const value = (name: string, bytes: number): Case => ({
    name: `${name}, ${N}×${K}, G ${groupSize}`,
    unit: "MiB",
    sample: async () => [bytes / MIB],
  });
  yield value("weight in float16", 2 * N * K);
  yield value("Int4Weight", (N * K) / 2 + (8 * N * K) / groupSize);
  const task = { device: device.backend, n: N, k: K, groupSize, count: 16 };
  const { held, resident } = await probe(task);
  yield value("loaded weight, as the device counts", held);
  yield value("loaded weight, growth of the process", resident);
}

function probe(task: MemoryTask): Promise<MemoryAnswer> {
  const child = fork(fileURLToPath(new URL("./memory-probe.js", import.meta.url)));
  return new Promise((resolve, reject) => {
    child.once("message", (answer) => resolve(answer as MemoryAnswer));
    child.once("error", reject);
    child.once("exit", (code, signal) => reject(probeFailed(signal ?? `exit code ${code}`)));
    child.send(task);
  });
}

function probeFailed(received: string): DeviceError {
  return new DeviceError({
    code: "W4A16_WORKER_FAILED",
    subject: "the memory suite",
    expected: "its process to run to the end",
    received,
    fix: "Free some memory: the process holds some hundred megabytes of weights at once.",
  });
}
