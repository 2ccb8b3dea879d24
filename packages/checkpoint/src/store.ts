/** A container of named tensors, whatever its file format. */

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

export interface TensorStore extends AsyncDisposable {
  /** The file or folder it was opened from. */
  readonly path: string;
  readonly container: "safetensors" | "gguf";
  /** Every file that holds a part of it, and the index of its shards. */
  readonly files: readonly string[];
  /** Free text that the container carries. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /**
   * A tensor's bytes, in a buffer of their own.
   *
   * @throws CheckpointError `W4A16_TENSOR_NOT_FOUND` or `W4A16_FILE_UNREADABLE`.
   */
  read(name: string): Promise<Uint8Array>;
}
