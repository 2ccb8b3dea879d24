/** Tensors of the CPU device: native memory, written and read in stream order. */
import {
  allocate,
  bytesPerElement,
  type DeviceTensor,
  outOfMemory,
  type SharedStorage,
  type TensorArray,
  TensorBase,
  type TensorLayout,
} from "@w4a16/core";
import type { CpuDevice } from "./device.js";
import type { NativeStorage, Report, ReportCallback } from "./native.js";

/** A tensor in the addon's memory. */
export class CpuTensor extends TensorBase<NativeStorage, CpuDevice> {
  /** As `read`, at once: waits on the calling thread for what is enqueued. */
  readSync(): TensorArray {
    this.requireUsable();
    const into = allocate(this.dtype, this.rows * this.cols);
    this.device.requireDone(this.#copyOut(into)!);
    return into;
  }

  protected clone(storage: SharedStorage<NativeStorage>, layout: TensorLayout): DeviceTensor {
    return new CpuTensor(this.device, storage, layout);
  }

  protected store(elements: TensorArray): void {
    const { addon, engine } = this.device;
    if (addon.write(engine, this.storage.memory, ...this.#rowBytes(), elements)) return;
    throw outOfMemory("copy of data on its way to a tensor", { bytes: elements.byteLength });
  }

  protected async load(): Promise<TensorArray> {
    const into = allocate(this.dtype, this.rows * this.cols);
    const { done, settle } = this.device.pending();
    const report = this.#copyOut(into, settle);
    if (report) settle(...report);
    await done;
    return into;
  }

  /** The report, or undefined where `callback` is given it later. */
  #copyOut(into: TensorArray, callback?: ReportCallback): Report | undefined {
    const { addon, engine } = this.device;
    return addon.read(engine, this.storage.memory, ...this.#rowBytes(), into, callback);
  }

  /** Offset, row length, row stride and row count, the first three in bytes. */
  #rowBytes(): [number, number, number, number] {
    const size = bytesPerElement(this.dtype);
    return [this.offset * size, this.cols * size, this.rowStride * size, this.rows];
  }
}
