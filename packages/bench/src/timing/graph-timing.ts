/**
 * The benchmark hooks of a device that can capture products as graphs and measure
 * time between events, as a GPU does. Found by its methods; nothing else is needed.
 */
import type { Device, DeviceTensor, DeviceWeight } from "@w4a16/core";
import type { DeviceBenchmark, DeviceTimeOptions } from "../device-hooks.js";
import type { Cold } from "../results.js";

interface Graph {
  /** Enqueues the recorded work. */
  launch(): void;
  dispose(): void;
}

interface DeviceEvent {
  /** Marks the end of what is enqueued so far. */
  record(): void;
  /** Once both have passed. */
  millisecondsSince(earlier: DeviceEvent): number;
  dispose(): void;
}

export interface GraphDevice extends Device {
  /** Records what `enqueue` enqueues, without running it. */
  capture(enqueue: () => void): Graph;
  createEvent(): DeviceEvent;
}

/** More than the second-level cache of any GPU so far. */
const FLUSHED_BYTES = 2 ** 28;

export function isGraphDevice(device: Device): device is GraphDevice {
  const candidate = device as Partial<GraphDevice>;
  return typeof candidate.capture === "function" && typeof candidate.createEvent === "function";
}

export function graphBenchmark(device: GraphDevice): DeviceBenchmark {
  return {
    coldMethods: ["written", "clean"],
    unfused: { strategy: "dequantize" },
    time: (runs, options) => timeGraphs(device, runs, options),
  };
}

async function timeGraphs(
  device: GraphDevice,
  runs: readonly (() => void)[],
  { cold, rounds, signal, note }: DeviceTimeOptions,
): Promise<number[][]> {
  const samples: number[][] = runs.map(() => []);
  const launches = runs.map((run) => captured(device, run, note));
  const events = runs.map(() => [device.createEvent(), device.createEvent()] as const);
  const flush = createFlush(device, cold);
  try {
    for (let round = 0; round < rounds && !signal?.aborted; round++) {
      for (let i = 0; i < runs.length; i++) {
        const at = (round + i) % runs.length;
        const [start, end] = events[at]!;
        // While the flush runs, what follows it is enqueued: no gap of the host's is timed.
        if (cold === false) launches[at]!.launch();
        else flush.run();
        start.record();
        launches[at]!.launch();
        end.record();
      }
      await device.synchronize();
      events.forEach(([start, end], i) => {
        samples[i]!.push(1000 * end.millisecondsSince(start));
      });
    }
  } finally {
    for (const handle of [...launches, ...events.flat(), flush]) handle.dispose();
  }
  return samples;
}

/** A graph of the run, or the run itself where it cannot be captured, and then says so. */
function captured(
  device: GraphDevice,
  run: () => void,
  note: (text: string) => void = () => {},
): Graph {
  try {
    return device.capture(run);
  } catch (error) {
    note(`timed as it is enqueued, not as a graph: ${(error as Error).message}`);
    return { launch: run, dispose: () => {} };
  }
}

interface Flush {
  run(): void;
  dispose(): void;
}

/** Fills the device's cache with {@link FLUSHED_BYTES} of other data, written or read. */
function createFlush(device: Device, cold: Cold): Flush {
  if (cold === "clean") return createReader(device);
  return {
    // A new tensor is set to zero, on the device.
    run: () => device.tensor([FLUSHED_BYTES / 4], "float32").dispose(),
    dispose: () => {},
  };
}

/** Reads a large weight, by multiplying one row with it. */
function createReader(device: Device): Flush {
  const n = 2 ** 14;
  const k = (2 * FLUSHED_BYTES) / n;
  const groupSize = 256;
  const parameters = (k / groupSize) * n;
  const weight: DeviceWeight = device.loadWeight({
    outFeatures: n,
    inFeatures: k,
    groupSize,
    signed: false,
    packed: new Uint8Array(FLUSHED_BYTES),
    scales: new Float32Array(parameters).fill(1),
    zeros: new Float32Array(parameters),
  });
  const x: DeviceTensor = device.tensor([1, k], "bfloat16");
  const out: DeviceTensor = device.tensor([1, n], "bfloat16");
  return {
    run: () => void weight.matmul(x, { out }),
    dispose: () => {
      for (const handle of [weight, x, out]) handle.dispose();
    },
  };
}
