/** What a CPU device offers a benchmark: the limits of the machine it runs on, measured. */
import { type DType, requireBoolean, requireDType } from "@w4a16/core";
import type { CpuDevice } from "./device.js";
import { NativeDType } from "./native.js";

/** What this machine does at most. */
export interface CpuCeiling {
  /** Bytes a second that all threads together read. */
  readonly bytesPerSecond: number;
  /**
   * Multiplications and additions a second that forward products could do if only
   * the kernel's multiply-add instruction counted. Activations that take several
   * instructions for one multiplication, such as the three digits of float32,
   * count as one.
   */
  readonly operationsPerSecond: number;
  /** How the two were measured, in words. */
  readonly method: string;
}

export class CpuBenchmark {
  readonly #device: CpuDevice;

  /** @internal */
  constructor(device: CpuDevice) {
    this.#device = device;
  }

  /**
   * Measures for about half a second what the device's kernel and threads could
   * do at most for activations of `dtype`: reading memory (`cold`) or half of the
   * last-level cache, and multiplying without reading. After what is enqueued.
   *
   * @throws DeviceError `W4A16_OUT_OF_MEMORY`: cold, it takes up to 512 MiB; DisposedError if the device goes meanwhile.
   */
  async ceiling(dtype: DType, cold: boolean): Promise<CpuCeiling> {
    const device = this.#device;
    device.requireLive("device");
    requireDType("dtype", dtype);
    requireBoolean("cold", cold);
    const { promise, settle } = outcomeOf(device);
    const measured = new Float64Array(2);
    const bytes = device.addon.ceiling(device.engine, NativeDType[dtype], cold, measured, settle);
    await promise;
    const [bytesPerSecond, operationsPerSecond] = measured as unknown as [number, number];
    const threads = device.threads === 1 ? "1 thread" : `${device.threads} threads`;
    const where = cold ? "memory" : "the last-level cache";
    return {
      bytesPerSecond,
      operationsPerSecond,
      method: `${threads} reading ${Math.round(bytes / 2 ** 20)} MiB from ${where}; ${threads} running the ${device.kernel} kernel's multiply-adds for ${dtype} on registers`,
    };
  }
}

/** A promise of an operation's end, and the callback that settles it. */
function outcomeOf(device: CpuDevice) {
  let settle!: (outcome: number, abortedId: number) => void;
  const promise = new Promise<void>((resolve, reject) => {
    settle = (outcome, abortedId) => {
      try {
        device.requireDone(outcome, abortedId, "buffer to read");
        resolve();
      } catch (error) {
        reject(error);
      }
    };
  });
  return { promise, settle };
}
