/** A container of named tensors, whatever its file format. */
import { CheckpointError, clip } from "./errors.js";

/** A tensor as a file describes it; nothing of its data is read yet. */
export interface TensorInfo {
  readonly name: string;
  /** As the file names it: F32, F16, BF16, U8, I32, … or GGUF's Q4_0, Q4_1, …. */
  readonly dtype: string;
  /** Row-major, the last dimension contiguous (also for GGUF, which counts the other way). */
  readonly shape: readonly number[];
  /** Size of the data; checked against the file when it was opened. */
  readonly byteLength: number;
}

/** An open container; tensors are read one at a time. */
export interface TensorStore extends AsyncDisposable {
  /** The file or folder it was opened from. */
  readonly path: string;
  /** The file format. */
  readonly container: "safetensors" | "gguf";
  /** Every file that holds a part of it, and the index of its shards. */
  readonly files: readonly string[];
  /** Free text that the container carries. */
  readonly metadata: ReadonlyMap<string, string>;
  /** By name. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /**
   * A tensor's bytes, in a buffer of their own.
   *
   * @throws CheckpointError `W4A16_TENSOR_NOT_FOUND` or `W4A16_FILE_UNREADABLE`.
   */
  read(name: string): Promise<Uint8Array>;
}

/** The error for a name that a store does not have. */
export function tensorNotFound(store: TensorStore, name: string): CheckpointError {
  return new CheckpointError({
    code: "W4A16_TENSOR_NOT_FOUND",
    subject: store.path,
    expected: `a tensor among ${clip([...store.tensors.keys()].join(", "), 200)}`,
    received: clip(name),
    fix: "List the names with `w4a16 inspect`.",
  });
}

/** Bytes of all tensors whose size is known. */
export function totalBytes(store: TensorStore): number {
  let total = 0;
  for (const { byteLength } of store.tensors.values()) total += byteLength || 0;
  return total;
}
