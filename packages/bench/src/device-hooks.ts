/**
 * What a device may offer a benchmark beyond the `Device` seam, as a property
 * `benchmark` of the open device. Every part is optional and found by looking:
 * a device without any of them is timed from outside, with the host's clock, or by
 * its own events where it has those (see `timing/graph-timing.ts`).
 *
 * A device implements this by structure; it does not import this package.
 */
import type {
  Device,
  DeviceTensor,
  DeviceWeight,
  Direction,
  DType,
  MatmulOptions,
} from "@w4a16/core";
import type { Ceiling, Cold } from "./results.js";
import { graphBenchmark, isGraphDevice } from "./timing/graph-timing.js";

/** What a device may offer; every part is optional. */
export interface DeviceBenchmark {
  /** Names the kernel and configuration that `weight` would use for M = `m` rows of `dtype`. */
  kernel?(weight: DeviceWeight, direction: Direction, m: number, dtype: DType): string;

  /**
   * How the device can empty its caches before a run; the first is the default.
   * Only for devices with `time`.
   */
  readonly coldMethods?: readonly Exclude<Cold, false>[];

  /**
   * Times work on the device's own clock. Each of `runs` enqueues one product
   * on the device (and may be called more than once, for instance to capture it
   * as a graph). The runs take turns: run 0, run 1, …, then the next round, each
   * after the caches were prepared as `cold` says, which is not timed.
   *
   * @returns for each run, one duration in microseconds for each round.
   */
  time?(runs: readonly (() => void)[], options: DeviceTimeOptions): Promise<readonly number[][]>;

  /** Options of `matmul` and `matmulTransposed` that select the unfused product (dequantize, then dense). */
  readonly unfused?: object;

  /**
   * A dense weight [N, K], rounded to `dtype`, multiplied by the best dense
   * library at hand (such as cuBLAS); undefined where there is none.
   */
  loadDense?(values: Float32Array, n: number, k: number, dtype: DType): DenseWeight | undefined;

  /**
   * Measures what the device does at most: bytes read a second from its memory
   * (`cold`) or its last cache, and multiplications and additions a second in the
   * fastest way it has for `dtype`. Takes less than two seconds.
   */
  ceiling?(dtype: DType, cold: boolean): Ceiling | Promise<Ceiling>;
}

/** How {@link DeviceBenchmark.time} is to measure. */
export interface DeviceTimeOptions {
  readonly cold: Cold;
  readonly rounds: number;
  /** Stops between rounds; what was measured is returned. */
  readonly signal?: AbortSignal | undefined;
  /** Told what a reader of the figures should know. */
  readonly note?: ((text: string) => void) | undefined;
}

/** A dense weight on a device; the products are those of `DeviceWeight`. */
export interface DenseWeight {
  matmul(x: DeviceTensor, options?: MatmulOptions): DeviceTensor;
  matmulTransposed(dy: DeviceTensor, options?: MatmulOptions): DeviceTensor;
  dispose(): void;
}

/** A weight that can also compute on the calling thread: done when the call returns. */
export interface SyncWeight {
  matmulSync(x: DeviceTensor, options?: MatmulOptions): DeviceTensor;
  matmulTransposedSync(dy: DeviceTensor, options?: MatmulOptions): DeviceTensor;
}

const found = new WeakMap<Device, DeviceBenchmark>();

/**
 * What `device` offers: its own hooks, and, where it can capture graphs and record
 * events, those that follow from that. Empty where it offers nothing.
 */
export function benchmarkOf(device: Device): DeviceBenchmark {
  const known = found.get(device);
  if (known) return known;
  const derived = isGraphDevice(device) ? graphBenchmark(device) : {};
  const { benchmark } = device as Device & { readonly benchmark?: DeviceBenchmark };
  const hooks = typeof benchmark === "object" ? { ...derived, ...ownHooks(benchmark) } : derived;
  found.set(device, hooks);
  return hooks;
}

/** The hooks of an object, methods of a class too, that are there. */
function ownHooks(benchmark: DeviceBenchmark): DeviceBenchmark {
  const hooks: Record<string, unknown> = {};
  for (const name of HOOKS) {
    const hook = benchmark[name];
    if (hook !== undefined) hooks[name] = typeof hook === "function" ? hook.bind(benchmark) : hook;
  }
  return hooks;
}

const HOOKS = ["kernel", "coldMethods", "time", "unfused", "loadDense", "ceiling"] as const;

/** `weight` if it has synchronous products. */
export function asSync(weight: object): SyncWeight | undefined {
  const candidate = weight as Partial<SyncWeight>;
  const complete =
    typeof candidate.matmulSync === "function" &&
    typeof candidate.matmulTransposedSync === "function";
  return complete ? (candidate as SyncWeight) : undefined;
}
