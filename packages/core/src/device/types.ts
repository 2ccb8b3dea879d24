/**
 * The one seam between what a product is (Y = X·Wᵀ with int4 W) and what
 * computes it. The reference, the CPU kernel and the CUDA kernel implement these
 * interfaces and pass the same test suite (`@w4a16/reference/conformance`).
 */
import type { DType, TensorArray, TensorData } from "../dtype/dtype.js";
import type { Int4Weight } from "../weight.js";

/** Whether a backend can open a device here; if not, why, and what would help. */
export type Availability =
  | { readonly available: true }
  | { readonly available: false; readonly reason: string; readonly fix: string };

/** A kind of device: finds out whether it is present, and opens it. */
export interface Backend<Options extends object = object> {
  /** Short name, as in `openDevice("cpu", …)`. */
  readonly name: string;
  /** Never throws, and is cheap enough to ask before every open. */
  availability(): Availability;
  /** @throws DeviceError `W4A16_DEVICE_UNAVAILABLE` where {@link availability} says no. */
  open(options?: Options): Promise<Device>;
}

/** Bytes held by a device's live handles. */
export interface DeviceMemory {
  /** Codes and parameters, as the device keeps them. */
  readonly weights: number;
  /** Elements; views share those of their tensor. */
  readonly tensors: number;
}

/** What handles have in common: explicit, idempotent disposal. */
export interface Disposing extends Disposable {
  /** Whether the handle is gone. */
  readonly disposed: boolean;
  /** Frees what the handle holds. Calling it again does nothing; any other use throws `W4A16_DISPOSED`. */
  dispose(): void;
}

/** Options of `Device.loadWeight`. */
export interface LoadWeightOptions {
  /**
   * Format in which the device keeps scales and zeros. A device may round them
   * to it, once, at load. Default: the device's own choice, which `dtype` of
   * the loaded weight tells; only a device that keeps float32 rounds nothing.
   */
  readonly dtype?: DType | undefined;
}

/** An open device: gives out weights and tensors, which belong to it. */
export interface Device extends Disposing {
  /** The backend's name. */
  readonly backend: string;
  /** What computes, in words: model, instruction set or architecture, kernel in use. */
  readonly description: string;
  /** Copies a weight to the device and repacks it, once, into the kernel's own layout. */
  loadWeight(weight: Int4Weight, options?: LoadWeightOptions): DeviceWeight;
  /**
   * A contiguous tensor of any rank ≥ 1, zero or a copy of `data` (see
   * `TensorData` for what is accepted and how it is rounded).
   */
  tensor(shape: readonly number[], dtype: DType, data?: TensorData): DeviceTensor;
  /** What live handles hold. Still answers after `dispose()`: nothing is held then. */
  memory(): DeviceMemory;
  /** Resolves when everything enqueued so far has run. */
  synchronize(): Promise<void>;
}

/** Options of both products. */
export interface MatmulOptions {
  /** Where to write; its dtype is the output's. Default: a new tensor. Must not overlap the operands. */
  readonly out?: DeviceTensor | undefined;
  /** Format of a new output. Default: that of the activations. */
  readonly outDtype?: DType | undefined;
  /** A vector as long as an output row, added in float32 before the output is rounded. */
  readonly bias?: DeviceTensor | undefined;
  /** Stops the call if it has not run yet, or at the device's next opportunity. */
  readonly signal?: AbortSignal | undefined;
}

/** A weight [N, K] on a device. Both products use the same packed copy. */
export interface DeviceWeight extends Disposing {
  readonly device: Device;
  /** N */
  readonly outFeatures: number;
  /** K */
  readonly inFeatures: number;
  /** In-features that share a scale and a zero. */
  readonly groupSize: number;
  /** Whether the codes are −8..7, and not 0..15. */
  readonly signed: boolean;
  /** Format in which the device keeps scales and zeros. */
  readonly dtype: DType;
  /**
   * Y = X·Wᵀ: x [..., K] → [..., N]. Devices that work beside the event loop
   * return at once; a failure or an abort then rejects `read()` of the result.
   */
  matmul(x: DeviceTensor, options?: MatmulOptions): DeviceTensor;
  /** dX = dY·W: dy [..., N] → [..., K]; otherwise as `matmul`. */
  matmulTransposed(dy: DeviceTensor, options?: MatmulOptions): DeviceTensor;
}

/** Rows and columns of a matrix to look at: from inclusive, to exclusive. */
export interface ViewRange {
  /** Default: all. */
  readonly rows?: readonly [from: number, to: number] | undefined;
  /** Default: all. */
  readonly columns?: readonly [from: number, to: number] | undefined;
}

/** A tensor on a device: contiguous, or a view whose rows are `rowStride` elements apart. */
export interface DeviceTensor extends Disposing {
  /** The device that made it, whose weights take it. */
  readonly device: Device;
  /** One size or more; the last dimension is a row. */
  readonly shape: readonly number[];
  /** Format of the elements. */
  readonly dtype: DType;
  /** Elements from one row (last dimension) to the next. */
  readonly rowStride: number;
  /**
   * A view of some rows and columns of a rank-2 tensor, sharing its elements.
   * The elements live until the tensor and all its views are disposed.
   */
  view(range: ViewRange): DeviceTensor;
  /** Copies elements in, in row-major order; accepts what `Device.tensor` does. */
  write(data: TensorData): void;
  /** The elements in row-major order: a `Float32Array`, or a `Uint16Array` of bits. */
  read(): Promise<TensorArray>;
  /** As `read`, converted exactly to float32. */
  readFloat32(): Promise<Float32Array>;
}
