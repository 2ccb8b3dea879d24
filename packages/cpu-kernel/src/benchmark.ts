/** What a CPU device offers a benchmark: the limits of the machine it runs on, measured. */
import { type DType, requireBoolean, requireDType } from "@w4a16/core";
import type { CpuDevice } from "./device.js";
import { DATA_TYPE } from "./native.js";

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

/** The benchmark hooks of a device: `device.benchmark`. */
export class CpuBenchmark {
  readonly #device: CpuDevice;

  /** @internal */
  constructor(device: CpuDevice) {
    this.#device = device;
  }

  /**
   * Measures for about half a second what the device's kernel and threads could
   * do at most for activations of `dtype`: reading memory (`cold`) or half of the
   * last-level cache, and multiplying without reading. Runs after what is enqueued.
   *
   * @throws DeviceError `W4A16_OUT_OF_MEMORY` (cold, it takes up to 512 MiB), or `W4A16_DISPOSED`
   * if the device is disposed meanwhile.
   */
  async ceiling(dtype: DType, cold: boolean): Promise<CpuCeiling> {
    const device = this.#device;
    device.requireLive("device");
    requireDType("dtype", dtype);
    requireBoolean("cold", cold);
    const { done, settle } = device.pending("buffer to read");
    const measured = new Float64Array(2);
    const bytes = device.addon.ceiling(device.engine, DATA_TYPE[dtype], cold, measured, settle);
    await done;
    const threads = device.threads === 1 ? "1 thread" : `${device.threads} threads`;
    const where = cold ? "memory" : "the last-level cache";
    return {
      bytesPerSecond: measured[0]!,
      operationsPerSecond: measured[1]!,
      method: `${threads} reading ${Math.round(bytes / 2 ** 20)} MiB from ${where}; ${threads} running the ${device.kernel} kernel's multiply-adds for ${dtype} on registers`,
    };
  }
}
