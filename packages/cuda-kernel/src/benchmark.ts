/** What a CUDA device offers to benchmarks: a dense peer, and what the GPU at hand does at most. */
import {
  type DeviceError,
  type Direction,
  type DType,
  elementCount,
  requireDType,
} from "@w4a16/core";
import { CudaDenseWeight } from "./dense.js";
import type { CudaDevice } from "./device.js";
import { native } from "./failures.js";
import { DATA_TYPE } from "./native.js";
import type { CudaWeight } from "./weight.js";

/** What a GPU does at most, as measured on it. */
export interface CudaCeiling {
  /** Bytes a second that can be read from its memory, or from its second-level cache. */
  readonly bytesPerSecond: number;
  /** Multiplications and additions a second. */
  readonly operationsPerSecond: number;
  /** How the two were measured. */
  readonly method: string;
}

/** Many times the second-level cache of any GPU so far. */
const LARGE_BYTES = 2 ** 30;
/** Rows, columns and reduction of the dense product that is timed. */
const DENSE_SIZE: Record<DType, number> = { float16: 8192, bfloat16: 8192, float32: 4096 };
const ROUNDS = 8;

/** The benchmark hooks of a device: `device.benchmark`. */
export class CudaBenchmark {
  /** @internal */
  constructor(private readonly device: CudaDevice) {}

  /** The kernel and tile that a product with `m` rows of `dtype` would use. */
  kernel(weight: CudaWeight, direction: Direction, m: number, dtype: DType): string {
    const {
      kernel,
      plan,
      tileFeatures,
      tileTokens,
      splits = 1,
    } = weight.explain(direction, m, dtype);
    const tile = plan ?? (tileFeatures === undefined ? "" : `${tileFeatures}x${tileTokens}`);
    return `${kernel} ${tile}${splits > 1 ? `, reduction in ${splits} parts` : ""}`.trim();
  }

  /**
   * A dense weight [n, k], rounded to `dtype`, whose products cuBLAS computes; undefined where
   * cuBLAS is not found.
   */
  loadDense(values: Float32Array, n: number, k: number, dtype: DType): CudaDenseWeight | undefined {
    this.device.requireLive("device");
    return whereDense(() => CudaDenseWeight.load(this.device, values, n, k, dtype));
  }

  /**
   * Measures the GPU: reading a gibibyte (`cold`), or a quarter of its second-level cache over and
   * over; and the faster of a large dense product by cuBLAS and multiply-adds in registers. The
   * best of some runs each, on the GPU's clock. Takes about a second.
   */
  async ceiling(dtype: DType, cold: boolean): Promise<CudaCeiling> {
    this.device.requireLive("device");
    requireDType("dtype", dtype);
    const [bytesPerSecond, where] = await this.#readRate(cold);
    const registers = await this.#registerRate(dtype);
    const dense = await this.#denseRate(dtype);
    const size = DENSE_SIZE[dtype];
    const denseBest = dense !== undefined && dense > registers;
    return {
      bytesPerSecond,
      operationsPerSecond: denseBest ? dense : registers,
      method: `${where}; ${
        denseBest
          ? `a dense ${dtype} product of ${size} × ${size} × ${size} by cuBLAS`
          : `${dtype} multiply-adds in registers (${dtype === "float32" ? "fma" : "mma.sync"})${dense === undefined ? ", cuBLAS not found" : ""}`
      }`,
    };
  }

  async #readRate(cold: boolean): Promise<readonly [number, string]> {
    const { addon, id, info } = this.device;
    const half = this.device.deviceMemory().free / 2;
    const bytes = roundDown(cold ? Math.min(LARGE_BYTES, half) : info.l2Bytes / 4);
    const passes = cold ? 1 : 64;
    using data = this.device.tensor([bytes / 4], "float32");
    const { memory } = data.storage;
    native("ceiling", () => addon.probeFill(id, memory, DATA_TYPE.float32));
    const seconds = await this.#bestSeconds(() => addon.probeRead(id, memory, passes));
    const mebibytes = `${Math.round(bytes / 2 ** 20)} MiB`;
    const where = cold
      ? `a kernel reading ${mebibytes} of memory`
      : `a kernel reading ${mebibytes} in the second-level cache`;
    return [(bytes * passes) / seconds, where];
  }

  async #registerRate(dtype: DType): Promise<number> {
    const { addon, id } = this.device;
    using sink = this.device.tensor([4], "float32");
    let operations = 0;
    const seconds = await this.#bestSeconds(() => {
      operations = addon.probeMultiplyAdd(id, sink.storage.memory, DATA_TYPE[dtype]);
    });
    return operations / seconds;
  }

  /** Undefined where there is no cuBLAS. */
  async #denseRate(dtype: DType): Promise<number | undefined> {
    const { addon, id } = this.device;
    const size = DENSE_SIZE[dtype];
    using weight = whereDense(() => CudaDenseWeight.allocate(this.device, size, size, dtype));
    if (!weight) return undefined;
    using x = this.device.tensor([size, size], dtype);
    using out = this.device.tensor([size, size], dtype);
    for (const tensor of [weight.values, x]) {
      native("ceiling", () => addon.probeFill(id, tensor.storage.memory, DATA_TYPE[dtype]));
    }
    const seconds = await this.#bestSeconds(() => weight.matmul(x, { out }));
    return (2 * elementCount([size, size, size])) / seconds;
  }

  /** GPU time of what `enqueue` enqueues: the shortest of some runs, after one to warm up. */
  async #bestSeconds(enqueue: () => unknown): Promise<number> {
    using start = this.device.createEvent();
    using end = this.device.createEvent();
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round <= ROUNDS; round++) {
      start.record();
      native("ceiling", enqueue);
      end.record();
      await this.device.synchronize();
      if (round > 0) best = Math.min(best, end.millisecondsSince(start) / 1000);
    }
    return best;
  }
}

/** What `make` makes; undefined where it needs cuBLAS and there is none. */
function whereDense<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if ((error as DeviceError).code === "W4A16_DEVICE_UNAVAILABLE") return undefined;
    throw error;
  }
}

function roundDown(bytes: number): number {
  return Math.max(2 ** 20, Math.floor(bytes / 2 ** 20) * 2 ** 20);
}
