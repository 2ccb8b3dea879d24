/** An open CPU device: an engine of the addon, and the handles it gives out. */
import {
  AbortedError,
  bytesPerElement,
  contiguousLayout,
  type Device,
  DeviceError,
  type DeviceMemory,
  type DType,
  elementCount,
  Handle,
  type Int4Weight,
  type LoadWeightOptions,
  outOfMemory,
  requireDType,
  requireInt4Weight,
  requireOptions,
  SharedStorage,
  type TensorData,
  type TensorLayout,
  withData,
} from "@w4a16/core";
import { CpuBenchmark } from "./benchmark.js";
import {
  type NativeAddon,
  type NativeEngine,
  type NativeInfo,
  type NativeStorage,
  OUTCOME,
  type Report,
  type ReportCallback,
} from "./native.js";
import type { CpuPrecision, ResolvedOptions } from "./options.js";
import { CpuTensor } from "./tensor.js";
import { CpuWeight } from "./weight.js";

/** Aborted calls whose reasons are kept for reads still to come. */
const KEPT_ABORTS = 256;

/** Products that a signal aborts, by one listener: of more than ten on a signal, Node warns. */
interface Watch {
  readonly ids: Set<number>;
  readonly onAbort: () => void;
}

/**
 * The CPU as a device. Products run in the order they were enqueued, each on all
 * threads, beside the event loop; `…Sync` calls run on the calling thread.
 */
export class CpuDevice extends Handle implements Device {
  readonly backend = "cpu";
  readonly description: string;
  /** The kernel in use. */
  readonly kernel: string;
  /** Threads that a product is spread over. */
  readonly threads: number;
  /** How products compute, as `open` was told. */
  readonly precision: CpuPrecision;
  /** Measures what the machine could do at most. */
  readonly benchmark: CpuBenchmark = new CpuBenchmark(this);
  /** @internal */
  readonly engine: NativeEngine;
  readonly #aborts = new Map<number, AbortSignal>();
  readonly #watched = new WeakMap<AbortSignal, Watch>();
  #nextId = 1;

  /** @internal */
  constructor(
    /** @internal */
    readonly addon: NativeAddon,
    info: NativeInfo,
    options: ResolvedOptions,
  ) {
    super();
    this.kernel = options.kernel;
    this.threads = options.threads;
    this.precision = options.precision;
    this.engine = openEngine(addon, options);
    const plural = options.threads === 1 ? "thread" : "threads";
    this.description = `${info.model}, ${options.kernel} kernel, ${options.threads} ${plural}`;
  }

  loadWeight(weight: Int4Weight, options: LoadWeightOptions = {}): CpuWeight {
    this.requireLive("device");
    requireOptions("options", options, ["dtype"]);
    if (options.dtype !== undefined) requireDType("dtype", options.dtype);
    const checked = requireInt4Weight(weight);
    const { outFeatures: n, inFeatures: k, groupSize, signed, packed, scales, zeros } = checked;
    const { addon, engine } = this;
    const native = addon.loadWeight(engine, n, k, groupSize, signed, packed, scales, zeros);
    if (!native) throw outOfMemory("weight", { bytes: (n * k) / 2 });
    return new CpuWeight(this, native, checked);
  }

  tensor(shape: readonly number[], dtype: DType, data?: TensorData): CpuTensor {
    this.requireLive("device");
    return withData(this.allocate(contiguousLayout(shape, dtype), data === undefined), data);
  }

  /** What live handles hold; nothing once the device is disposed. */
  memory(): DeviceMemory {
    if (this.disposed) return { weights: 0, tensors: 0 };
    const [weights, tensors] = this.addon.heldBytes(this.engine);
    return { weights, tensors };
  }

  async synchronize(): Promise<void> {
    this.requireLive("device");
    const outcome = await new Promise<number>((resolve) => this.addon.fence(this.engine, resolve));
    if (outcome === OUTCOME.closed) this.requireLive("device");
  }

  protected release(): void {
    this.addon.closeEngine(this.engine);
  }

  /** @internal A new tensor, zero or with undefined elements. */
  allocate(layout: TensorLayout, zero: boolean): CpuTensor {
    const bytes = elementCount(layout.shape) * bytesPerElement(layout.dtype);
    const native = this.addon.createStorage(this.engine, bytes, zero);
    if (!native) throw outOfMemory("tensor", { bytes });
    const free = (storage: SharedStorage<NativeStorage>) => this.addon.release(storage.memory);
    return new CpuTensor(this, new SharedStorage(native, bytes, free), layout);
  }

  /** @internal A number for the next product, by which it can be aborted. */
  nextId(): number {
    return this.#nextId++;
  }

  /** @internal Aborts enqueued product `id` when `signal` fires; lets go of the signal when it has run. */
  abortOn(signal: AbortSignal, id: number): void {
    const watch = this.#watched.get(signal) ?? this.#watch(signal);
    watch.ids.add(id);
    this.addon.fence(this.engine, () => {
      watch.ids.delete(id);
      if (watch.ids.size > 0) return;
      signal.removeEventListener("abort", watch.onAbort);
      this.#watched.delete(signal);
    });
  }

  #watch(signal: AbortSignal): Watch {
    const ids = new Set<number>();
    const onAbort = () => {
      if (this.disposed) return;
      for (const id of ids) this.#abort(id, signal);
    };
    const watch = { ids, onAbort };
    this.#watched.set(signal, watch);
    signal.addEventListener("abort", onAbort, { once: true });
    return watch;
  }

  #abort(id: number, signal: AbortSignal): void {
    this.#aborts.set(id, signal);
    if (this.#aborts.size > KEPT_ABORTS) this.#aborts.delete(this.#aborts.keys().next().value!);
    this.addon.abort(this.engine, id);
  }

  /** @internal A promise of an operation's end, and the callback by which the addon tells of it. */
  pending(wanted?: string): { readonly done: Promise<void>; readonly settle: ReportCallback } {
    let settle!: ReportCallback;
    const done = new Promise<void>((resolve, reject) => {
      settle = (...report) => {
        try {
          this.requireDone(report, wanted);
          resolve();
        } catch (error) {
          reject(error);
        }
      };
    });
    return { done, settle };
  }

  /**
   * @internal Throws what an operation's report stands for.
   *
   * @param wanted what it needed memory for.
   */
  requireDone([outcome, abortedId]: Report, wanted = "workspace of a product"): void {
    if (outcome === OUTCOME.done) return;
    if (outcome === OUTCOME.closed) this.requireLive("the tensor's device");
    if (outcome === OUTCOME.outOfMemory) throw outOfMemory(wanted);
    throw new AbortedError("matmul", this.#aborts.get(abortedId) ?? AbortSignal.abort());
  }
}

function openEngine(addon: NativeAddon, options: ResolvedOptions): NativeEngine {
  try {
    return addon.openEngine(options.kernel, options.threads, options.precision === "bfloat16");
  } catch (cause) {
    throw new DeviceError({
      code: "W4A16_NATIVE_FAILURE",
      subject: "cpu device",
      expected: `${options.threads} threads from the operating system`,
      received: cause instanceof Error ? cause.message : String(cause),
      fix: "Ask for fewer threads, or raise the limit of processes and threads.",
      cause,
    });
  }
}
