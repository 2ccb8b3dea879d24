import {
  type Device,
  type DeviceMemory,
  type DType,
  Handle,
  type Int4Weight,
  type LoadWeightOptions,
  requireFunction,
  type TensorData,
  withData,
} from "@w4a16/core";
import { describe } from "./availability.js";
import { CudaBenchmark } from "./benchmark.js";
import { native, nativeAsync } from "./failures.js";
import { CudaGraph } from "./graph.js";
import {
  CALL,
  type CudaDeviceInfo,
  type KernelPreference,
  type NativeAddon,
  PREFERENCE,
} from "./native.js";
import { CudaEvent, CudaStream } from "./stream.js";
import { CudaTensor } from "./tensor.js";
import type { TuneShape } from "./tuning/products.js";
import type { TuneOptions } from "./tuning/tune.js";
import { type TuneReport, Tuning } from "./tuning/tuning.js";
import { CudaWeight } from "./weight.js";

/** Closes a device that is collected without having been disposed: it may hold gigabytes. */
const forgotten = new FinalizationRegistry<readonly [NativeAddon, number]>(([addon, id]) =>
  addon.close(id),
);

/** A number that the addon gave out and must be given back to it. */
type Resource = "free" | "freeWeight" | "destroyStream" | "destroyEvent" | "destroyGraph";

/**
 * A GPU. Every call enqueues its work on the current stream and returns; only
 * `read()` and `synchronize()` wait, beside the event loop.
 */
export class CudaDevice extends Handle implements Device {
  readonly backend = "cuda";
  readonly description: string;
  /** What benchmarks look for. */
  readonly benchmark = new CudaBenchmark(this);
  /** Kernels that were measured to be the fastest: where they are kept, and what was found there. */
  readonly tuning: Tuning;
  /** @internal Arguments of the addon's `matmul`, laid out as `CALL` says. */
  readonly call = new Float64Array(CALL.length);
  /** @internal The addon's number for this device. */
  readonly id: number;
  readonly #abandoned = new FinalizationRegistry<readonly [Resource, number]>((resource) =>
    this.#tryToGiveBack(resource),
  );
  /** What to give back once a capture has ended. */
  readonly #afterCapture: [Resource, number][] = [];
  #capturing = false;

  /** @internal */
  constructor(
    /** @internal */
    readonly addon: NativeAddon,
    /** The GPU, as `cudaDevices()` lists it. */
    readonly info: CudaDeviceInfo,
    kernel?: KernelPreference,
    tuning: { readonly file?: string | undefined; readonly driver: string } = { driver: "" },
  ) {
    super();
    this.tuning = new Tuning(this, tuning.file, tuning.driver);
    const preference = kernel === undefined ? 0 : PREFERENCE[kernel];
    this.id = native("device", () => addon.open(info.ordinal, this.call, preference));
    forgotten.register(this, [addon, this.id], this);
    const reason = addon.withoutHopper(this.id);
    const kernels = reason
      ? `mma.sync kernels (no wgmma: ${reason})`
      : "wgmma and mma.sync kernels";
    this.description = `${describe(info)}, device ${info.ordinal}, fused ${kernels}`;
  }

  loadWeight(weight: Int4Weight, options: LoadWeightOptions = {}): CudaWeight {
    this.requireLive("device");
    return CudaWeight.load(this, weight, options);
  }

  tensor(shape: readonly number[], dtype: DType, data?: TensorData): CudaTensor {
    this.requireLive("device");
    return withData(CudaTensor.allocate(this, shape, dtype, data === undefined), data);
  }

  memory(): DeviceMemory {
    if (this.disposed) return { weights: 0, tensors: 0 };
    const { weights, tensors } = native("memory", () => this.addon.memory(this.id));
    return { weights, tensors };
  }

  /** Bytes of the whole GPU, of all processes. */
  deviceMemory(): { readonly free: number; readonly total: number } {
    this.requireLive("device");
    const { deviceFree, deviceTotal } = native("memory", () => this.addon.memory(this.id));
    return { free: deviceFree, total: deviceTotal };
  }

  async synchronize(): Promise<void> {
    this.requireLive("device");
    await nativeAsync("synchronize", () => this.addon.synchronize(this.id));
  }

  /**
   * A queue of its own: work of different streams may run at the same time. It waits for what was
   * enqueued before it was created.
   */
  createStream(): CudaStream {
    this.requireLive("device");
    return new CudaStream(this);
  }

  /** A point in a stream that can be waited for; two of them measure the GPU's time. */
  createEvent(): CudaEvent {
    this.requireLive("device");
    return new CudaEvent(this);
  }

  /**
   * Records what `enqueue` enqueues, without running it, into a graph to replay. Only
   * products into existing tensors can be captured, of weights that were used
   * with that dtype before.
   *
   * @throws ArgumentError `W4A16_INVALID_VALUE` where `enqueue` makes or writes a tensor, loads a
   * weight, creates or changes a stream, records an event or waits for one, or launches a graph;
   * `read()` and `synchronize()` reject with it.
   */
  capture(enqueue: () => void): CudaGraph {
    this.requireLive("device");
    requireFunction("enqueue", enqueue);
    native("capture", () => this.addon.beginCapture(this.id));
    this.#capturing = true;
    try {
      enqueue();
      this.requireLive("device");
      return new CudaGraph(
        this,
        native("capture", () => this.addon.endCapture(this.id)),
      );
    } catch (error) {
      if (!this.disposed) native("capture", () => this.addon.abandonCapture(this.id));
      throw error;
    } finally {
      this.#capturing = false;
      for (const resource of this.#afterCapture.splice(0)) this.#tryToGiveBack(resource);
    }
  }

  /**
   * Measures, for each of the shapes, which kernel is the fastest here, uses it from then on, in
   * this process, and keeps it in a file that later ones read. Without a call of it nothing is measured:
   * the kernel of a product is then chosen by models of the GPU.
   *
   * @throws AbortedError; what was measured before is used and kept.
   */
  async tune(shapes: readonly TuneShape[], options?: TuneOptions): Promise<TuneReport> {
    this.requireLive("device");
    return this.tuning.tune(shapes, options);
  }

  /** @internal Gives `id` back if `owner` is collected without having been disposed. */
  watch(owner: object, kind: Resource, id: number): void {
    this.#abandoned.register(owner, [kind, id], owner);
  }

  /** @internal Gives a resource back to the addon, which frees it in stream order. */
  giveBack(kind: Resource, id: number, owner?: object): void {
    if (owner) this.#abandoned.unregister(owner);
    if (this.disposed) return; // the addon freed it with the device
    if (this.#capturing) this.#afterCapture.push([kind, id]);
    else native(kind, () => this.addon[kind](this.id, id));
  }

  /** Where nobody could handle an error. What cannot be given back now goes with the device. */
  #tryToGiveBack([kind, id]: readonly [Resource, number]): void {
    try {
      this.giveBack(kind, id);
    } catch {
      // A GPU that failed: the next call that does something on it says so.
    }
  }

  protected release(): void {
    forgotten.unregister(this);
    native("device", () => this.addon.close(this.id));
  }
}
