/**
 * What the native addon exports. Handles are numbers; arguments are checked by the callers in this
 * package.
 */
import type { DType } from "@w4a16/core";

/** The values of `DataType` in native/kernels/fused_problem.hpp. */
export const DATA_TYPE: Record<DType, number> = { float16: 0, bfloat16: 1, float32: 2 };

export interface NativeProbe {
  /** As CUDA numbers versions: 13000 is 13.0. 0: no driver. */
  readonly driverVersion: number;
  readonly runtimeVersion: number;
  /** Why there is no device, in CUDA's words. */
  readonly error: string;
  readonly devices: readonly CudaDeviceInfo[];
}

/** A GPU of this machine. */
export interface CudaDeviceInfo {
  /** What `cuda.open({ device })` takes. */
  readonly ordinal: number;
  readonly name: string;
  /** Of the compute capability: 9 of 9.0. */
  readonly major: number;
  /** Of the compute capability: 0 of 9.0. */
  readonly minor: number;
  readonly multiprocessors: number;
  /** Of the whole GPU. */
  readonly memoryBytes: number;
  /** Of the second-level cache. */
  readonly l2Bytes: number;
}

export interface NativeMemory {
  readonly weights: number;
  readonly tensors: number;
  readonly deviceFree: number;
  readonly deviceTotal: number;
}

/** A kernel of 16-bit activations that a caller may insist on. */
export type KernelPreference = "portable" | "hopper";

/** The values of `Preference` in native/heuristics/kernel.hpp; 0: the one expected to be faster. */
export const PREFERENCE: Record<KernelPreference, number> = { portable: 1, hopper: 2 };

/** The kernel that a product would use. */
export interface KernelChoice {
  readonly kernel: "sm90a-wgmma" | "sm80-mma" | "simt-float32";
  /** sm90a-wgmma: the kind of tile, and how the last ones are shared out, in words. */
  readonly plan?: string;
  /** Output features of one CTA's tile. */
  readonly tileFeatures?: number;
  /** Rows of x of one CTA's tile. */
  readonly tileTokens?: number;
  /** sm80-mma: CTAs that share one output tile's reduction. */
  readonly splits?: number;
  /** The cost model's estimate. */
  readonly microseconds?: number;
  /** sm80-mma: why it is not the Hopper kernel, in words. */
  readonly notHopper?: string;
}

/**
 * Where the arguments of `matmul` lie. x, out and bias are four numbers each: buffer (0: none),
 * byte offset, row stride in elements, type.
 */
export const CALL = {
  weight: 0,
  transposed: 1,
  m: 2,
  x: 3,
  out: 7,
  bias: 11,
  dense: 15,
  length: 16,
} as const;

type Device = number;
type Buffer = number;
type Weight = number;

/** Rows of a buffer, in bytes. */
export type NativeRegion = readonly [
  buffer: Buffer,
  offset: number,
  rows: number,
  rowBytes: number,
  stride: number,
];

/** What the choice of a kernel depends on, beside the device. */
export type NativeProduct = readonly [
  n: number,
  k: number,
  groupSize: number,
  transposed: boolean,
  m: number,
];

export interface NativeAddon {
  probe(): NativeProbe;
  /** `call` is where {@link NativeAddon.matmul} finds its arguments. */
  open(ordinal: number, call: Float64Array, preference: number): Device;
  close(device: Device): void;
  /** Why no product on the device gets a Hopper kernel; empty if some do. */
  withoutHopper(device: Device): string;
  synchronize(device: Device): Promise<void>;
  memory(device: Device): NativeMemory;

  allocate(device: Device, bytes: number, zero: boolean): Buffer;
  free(device: Device, buffer: Buffer): void;
  upload(device: Device, ...operands: readonly [...NativeRegion, data: ArrayBufferView]): void;
  /** Settles when `data` has been filled. */
  download(
    device: Device,
    ...operands: readonly [...NativeRegion, data: ArrayBufferView]
  ): Promise<void>;

  loadWeight(
    device: Device,
    n: number,
    k: number,
    groupSize: number,
    signed: boolean,
    kept: number,
    codes: Uint8Array,
    scales: Float32Array,
    zeros: Float32Array,
  ): Weight;
  freeWeight(device: Device, weight: Weight): void;
  /** A product of what {@link CALL} says of the array given to `open`. */
  matmul(device: Device): void;
  dequantize(device: Device, weight: Weight, type: number, buffer: Buffer): void;
  /** Throws where cuBLAS is not found. */
  requireDense(device: Device): void;
  /** As `matmul`, of a dense weight [n, k] in the buffer that `CALL.weight` names; without a bias. */
  matmulDense(device: Device, n: number, k: number): void;
  choose(
    device: Device,
    weight: Weight,
    transposed: boolean,
    m: number,
    xType: number,
  ): KernelChoice;

  /** Fills a buffer with random values of magnitude 1 to 2. */
  probeFill(device: Device, buffer: Buffer, type: number): void;
  probeRead(device: Device, buffer: Buffer, passes: number): void;
  /** Multiplies and adds in registers. @returns how many multiplications and additions were enqueued. */
  probeMultiplyAdd(device: Device, sink: Buffer, type: number): number;

  /** Names of the kernels that could compute a product of 16-bit activations, the models' choice first. */
  candidates(device: Device, ...product: NativeProduct): string[];
  /**
   * From now on the product uses that kernel; with no name, the one the models choose.
   *
   * @returns whether there is one of that name.
   */
  useCandidate(device: Device, ...operands: readonly [...NativeProduct, name: string]): boolean;

  createStream(device: Device): number;
  destroyStream(device: Device, stream: number): void;
  useStream(device: Device, stream: number): void;
  createEvent(device: Device): number;
  destroyEvent(device: Device, event: number): void;
  recordEvent(device: Device, event: number): void;
  waitEvent(device: Device, event: number): void;
  elapsed(device: Device, from: number, to: number): number;
  beginCapture(device: Device): void;
  endCapture(device: Device): number;
  abandonCapture(device: Device): void;
  launchGraph(device: Device, graph: number): void;
  destroyGraph(device: Device, graph: number): void;

  /** The layout functions on the host, for tests. */
  packOnHost(codes: Uint8Array, n: number, k: number, signed: boolean): Uint8Array;
  codeAt(packed: Uint8Array, N: number, K: number, n: number, k: number): number;
}
