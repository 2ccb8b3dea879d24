import {
  allocate,
  bytesPerElement,
  contiguousLayout,
  type DType,
  elementCount,
  SharedStorage,
  type TensorArray,
  TensorBase,
  type TensorLayout,
} from "@w4a16/core";
import type { CudaDevice } from "./device.js";
import { native, nativeAsync } from "./failures.js";
import { DATA_TYPE, type NativeRegion } from "./native.js";

/** A device buffer, by the addon's number. */
type Storage = SharedStorage<number>;

/** A tensor in GPU memory. */
export class CudaTensor extends TensorBase<number, CudaDevice> {
  /** @internal A new tensor, zero or with undefined elements. */
  static allocate(
    device: CudaDevice,
    shape: readonly number[],
    dtype: DType,
    zero: boolean,
  ): CudaTensor {
    const layout = contiguousLayout(shape, dtype);
    const bytes = elementCount(layout.shape) * bytesPerElement(dtype);
    const id = native("tensor", () => device.addon.allocate(device.id, bytes, zero));
    const storage: Storage = new SharedStorage(id, bytes, (owner) =>
      device.giveBack("free", id, owner),
    );
    device.watch(storage, "free", id);
    return new CudaTensor(device, storage, layout);
  }

  /** @internal Writes the tensor, as an operand of the addon's `matmul`, into `call` from `at` on. */
  describe(call: Float64Array, at: number): void {
    call[at] = this.storage.memory;
    call[at + 1] = this.offset * bytesPerElement(this.dtype);
    call[at + 2] = this.rowStride;
    call[at + 3] = DATA_TYPE[this.dtype];
  }

  protected clone(storage: Storage, layout: TensorLayout): CudaTensor {
    return new CudaTensor(this.device, storage, layout);
  }

  protected store(elements: TensorArray): void {
    if (elements.length === 0) return;
    const { addon, id } = this.device;
    native("write", () => addon.upload(id, ...this.#region(), elements));
  }

  protected async load(): Promise<TensorArray> {
    const elements = allocate(this.dtype, this.rows * this.cols);
    if (elements.length === 0) return elements;
    const { addon, id } = this.device;
    await nativeAsync("read", () => addon.download(id, ...this.#region(), elements));
    return elements;
  }

  #region(): NativeRegion {
    const size = bytesPerElement(this.dtype);
    const { storage, offset, rows, cols, rowStride } = this;
    return [storage.memory, offset * size, rows, cols * size, rowStride * size];
  }
}
