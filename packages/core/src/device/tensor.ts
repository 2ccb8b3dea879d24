/** What tensors of every device share: shape, views, disposal, conversion. */

import {
  type DType,
  decode,
  encode,
  requireDType,
  type TensorArray,
  type TensorData,
} from "../dtype/dtype.js";
import { ArgumentError, describeValue, requireInteger, requireOptions } from "../errors.js";
import { Handle } from "./handle.js";
import type { Device, DeviceTensor, ViewRange } from "./types.js";

/** Where a tensor's elements lie in its storage; units are elements. */
export interface TensorLayout {
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** Of the first element, from the start of the storage. */
  readonly offset: number;
  /** From one row (last dimension) to the next. */
  readonly rowStride: number;
}

/** Memory that a tensor and its views share; `free` runs when the last of them is disposed. */
export class SharedStorage<Memory> {
  #references = 1;

  /** Counts the tensor that it is made for. */
  constructor(
    /** What the device allocated. */
    readonly memory: Memory,
    /** Size of the memory. */
    readonly bytes: number,
    private readonly free: (storage: SharedStorage<Memory>) => void,
  ) {}

  /** Counts one more tensor. */
  retain(): this {
    this.#references++;
    return this;
  }

  /** A tensor that was counted is gone. */
  release(): void {
    if (--this.#references === 0) this.free(this);
  }
}

/**
 * Base of a device's tensor. A device adds how elements are copied in and out
 * (`load`, `store`) and how a view of its own class is made (`clone`).
 */
export abstract class TensorBase<Memory, Owner extends Device>
  extends Handle
  implements DeviceTensor
{
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly rowStride: number;
  /** First element, counted from the start of the storage. */
  readonly offset: number;
  /** Product of the leading dimensions: M of a matrix product. */
  readonly rows: number;
  /** The last dimension. */
  readonly cols: number;

  constructor(
    readonly device: Owner,
    /** Where the elements are; views have that of the tensor they look at. */
    readonly storage: SharedStorage<Memory>,
    layout: TensorLayout,
  ) {
    super();
    this.shape = Object.freeze([...layout.shape]);
    this.dtype = layout.dtype;
    this.offset = layout.offset;
    this.rowStride = layout.rowStride;
    this.cols = layout.shape.at(-1)!;
    this.rows = elementCount(layout.shape.slice(0, -1));
  }

  view(range: ViewRange): DeviceTensor {
    this.requireUsable();
    requireOptions("range", range, ["rows", "columns"]);
    if (this.shape.length !== 2) {
      throw new ArgumentError({
        code: "W4A16_INVALID_SHAPE",
        subject: "view",
        expected: "a tensor of rank 2",
        received: `shape ${describeValue(this.shape)}`,
        fix: "Make the tensor with shape [rows, columns].",
      });
    }
    const [row0, row1] = requireRange("rows", range.rows, this.rows);
    const [col0, col1] = requireRange("columns", range.columns, this.cols);
    return this.clone(this.storage.retain(), {
      shape: [row1 - row0, col1 - col0],
      dtype: this.dtype,
      offset: this.offset + row0 * this.rowStride + col0,
      rowStride: this.rowStride,
    });
  }

  write(data: TensorData): void {
    this.requireUsable();
    this.store(encode(this.dtype, data, this.rows * this.cols));
  }

  async read(): Promise<TensorArray> {
    this.requireUsable();
    return this.load();
  }

  async readFloat32(): Promise<Float32Array> {
    return decode(this.dtype, await this.read());
  }

  /** Throws `W4A16_DISPOSED` if the tensor or its device is gone. */
  requireUsable(): void {
    this.requireLive("tensor");
    if (this.device.disposed) this.dispose();
    this.requireLive("the tensor's device");
  }

  protected release(): void {
    this.storage.release();
  }

  /** A tensor of the device's own class over the same storage. */
  protected abstract clone(storage: SharedStorage<Memory>, layout: TensorLayout): DeviceTensor;
  /** Copies row-major elements into the (possibly strided) tensor. */
  protected abstract store(elements: TensorArray): void;
  /** A new row-major array of the tensor's elements. */
  protected abstract load(): TensorArray | Promise<TensorArray>;
}

/** Checks a tensor's shape and dtype and gives its contiguous layout. */
export function contiguousLayout(shape: readonly number[], dtype: DType): TensorLayout {
  requireDType("dtype", dtype);
  if (!Array.isArray(shape) || shape.length === 0) {
    throw new ArgumentError({
      code: "W4A16_INVALID_SHAPE",
      subject: "shape",
      expected: "an array of at least one dimension",
      received: describeValue(shape),
      fix: "Pass [M, K] for activations, [N] for a bias.",
    });
  }
  // Array.from: `map` would pass over the holes of a sparse array.
  const sizes = Array.from(shape, (size, i) => requireInteger(`shape[${i}]`, size, 0));
  requireInteger("the number of elements", elementCount(sizes), 0);
  return { shape: sizes, dtype, offset: 0, rowStride: sizes.at(-1)! };
}

/**
 * A tensor that was just allocated, for `Device.tensor`: with `data` written, where there is
 * any. One whose data is refused is disposed, so that the failed call holds no memory.
 */
export function withData<Tensor extends DeviceTensor>(
  tensor: Tensor,
  data: TensorData | undefined,
): Tensor {
  if (data === undefined) return tensor;
  try {
    tensor.write(data);
  } catch (error) {
    tensor.dispose();
    throw error;
  }
  return tensor;
}

/** Number of elements of a shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function requireRange(
  subject: string,
  range: readonly [number, number] | undefined,
  size: number,
): readonly [number, number] {
  if (range === undefined) return [0, size];
  const [from, to] = Array.isArray(range) ? (range as readonly [number, number]) : [-1, -1];
  if (Number.isInteger(from) && Number.isInteger(to) && 0 <= from && from <= to && to <= size) {
    return [from, to];
  }
  throw new ArgumentError({
    code: "W4A16_INVALID_VALUE",
    subject,
    expected: `[from, to] with 0 ≤ from ≤ to ≤ ${size}`,
    received: describeValue(range),
    fix: "Keep the range inside the tensor.",
  });
}
