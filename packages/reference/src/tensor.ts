import {
  allocate,
  allocateOrThrow,
  bytesPerElement,
  contiguousLayout,
  type DType,
  decode,
  SharedStorage,
  type TensorArray,
  TensorBase,
  type TensorLayout,
} from "@w4a16/core";
import type { ReferenceDevice } from "./device.js";
import type { Block } from "./memory.js";
import { encodeExact } from "./rounding.js";

type Storage = SharedStorage<Block<TensorArray>>;

/** A tensor in a JavaScript typed array, which views share. */
export class ReferenceTensor extends TensorBase<Block<TensorArray>, ReferenceDevice> {
  static allocate(
    device: ReferenceDevice,
    shape: readonly number[],
    dtype: DType,
  ): ReferenceTensor {
    const layout = contiguousLayout(shape, dtype);
    const length = layout.shape.reduce((product, size) => product * size, 1);
    const bytes = length * bytesPerElement(dtype);
    const block = device.ledger.hold("tensors", bytes, () => allocate(dtype, length));
    const storage = new SharedStorage(block, bytes, () => block.free());
    return new ReferenceTensor(device, storage, layout);
  }

  /** The elements, row-major, as float64. */
  toFloat64(): Float64Array {
    const values = decode(this.dtype, this.load());
    return allocateOrThrow(8 * values.length, () => new Float64Array(values));
  }

  /** Rounds row-major values to the tensor's dtype and writes them. */
  assign(values: Float64Array): void {
    this.store(encodeExact(this.dtype, values));
  }

  protected clone(storage: Storage, layout: TensorLayout): ReferenceTensor {
    return new ReferenceTensor(this.device, storage, layout);
  }

  protected store(elements: TensorArray): void {
    const memory = this.storage.memory.contents;
    const { rows, cols, offset, rowStride } = this;
    if (elements.length === 0) return; // perhaps detached
    if (rowStride === cols) {
      memory.set(elements, offset);
      return;
    }
    for (let row = 0; row < rows; row++) {
      memory.set(elements.subarray(row * cols, (row + 1) * cols), offset + row * rowStride);
    }
  }

  protected load(): TensorArray {
    const memory = this.storage.memory.contents;
    const { rows, cols, offset, rowStride } = this;
    if (rowStride === cols) {
      const bytes = rows * cols * bytesPerElement(this.dtype);
      return allocateOrThrow(bytes, () => memory.slice(offset, offset + rows * cols));
    }
    const elements = allocate(this.dtype, rows * cols);
    for (let row = 0; row < rows; row++) {
      const from = offset + row * rowStride;
      elements.set(memory.subarray(from, from + cols), row * cols);
    }
    return elements;
  }
}
