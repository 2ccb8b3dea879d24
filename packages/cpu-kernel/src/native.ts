/** What the native addon exports. Arguments are checked by the callers in this package. */
import type { DType } from "@w4a16/core";

/** Handles made by the addon; each carries a native type tag. */
export interface NativeEngine {
  readonly engine: unique symbol;
}
export interface NativeStorage {
  readonly storage: unique symbol;
}
export interface NativeWeight {
  readonly weight: unique symbol;
}

export interface NativeInfo {
  readonly model: string;
  /** CPUs this process may use: affinity, limited by cgroup quotas. */
  readonly cpus: number;
  /** Kernels of this build, best first. */
  readonly kernels: readonly { readonly name: string; readonly supported: boolean }[];
}

/** How an operation ended: the values of `Outcome` in native/runtime/matmul.h. */
export const OUTCOME = { done: 0, aborted: 1, outOfMemory: 2, closed: 3 } as const;

/** The values of `DType` in native/kernels/job.h. */
export const DATA_TYPE: Record<DType, number> = { float32: 0, float16: 1, bfloat16: 2 };

/** An operation's outcome, and the number of the aborted product that it comes from. */
export type Report = readonly [outcome: number, abortedId: number];

export type ReportCallback = (...report: Report) => void;

export interface NativeAddon {
  info(): NativeInfo;
  openEngine(kernel: string, threads: number, bfloat16: boolean): NativeEngine;
  closeEngine(engine: NativeEngine): void;
  heldBytes(engine: NativeEngine): [weights: number, tensors: number];
  /** Undefined where memory is short. */
  createStorage(engine: NativeEngine, bytes: number, zero: boolean): NativeStorage | undefined;
  /** Undefined where memory is short. */
  loadWeight(
    engine: NativeEngine,
    n: number,
    k: number,
    groupSize: number,
    signed: boolean,
    packed: Uint8Array,
    scales: Float32Array,
    zeros: Float32Array,
  ): NativeWeight | undefined;
  release(handle: NativeStorage | NativeWeight): void;
  /** Copies rows in, in stream order. False where memory is short. */
  write(
    engine: NativeEngine,
    storage: NativeStorage,
    byteOffset: number,
    rowBytes: number,
    strideBytes: number,
    rows: number,
    data: ArrayBufferView,
  ): boolean;
  /** Copies rows out: at once where nothing is enqueued or no callback is given, else later. */
  read(
    engine: NativeEngine,
    storage: NativeStorage,
    byteOffset: number,
    rowBytes: number,
    strideBytes: number,
    rows: number,
    into: ArrayBufferView,
    callback: ReportCallback | undefined,
  ): Report | undefined;
  fence(engine: NativeEngine, callback: ReportCallback): void;
  /**
   * Measures, in stream order, into [bytes a second, operations a second].
   *
   * @returns the bytes that it reads over and over.
   */
  ceiling(
    engine: NativeEngine,
    dtype: number,
    cold: boolean,
    into: Float64Array,
    callback: ReportCallback,
  ): number;
  /** Offsets and strides in elements. With `wait`, runs on the calling thread. */
  matmul(
    engine: NativeEngine,
    weight: NativeWeight,
    transposed: boolean,
    rows: number,
    x: NativeStorage,
    xOffset: number,
    xStride: number,
    xType: number,
    out: NativeStorage,
    outOffset: number,
    outStride: number,
    outType: number,
    bias: NativeStorage | undefined,
    biasOffset: number,
    biasType: number,
    id: number,
    wait: boolean,
  ): void;
  abort(engine: NativeEngine, id: number): void;
}
