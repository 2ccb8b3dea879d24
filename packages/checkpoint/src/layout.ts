/** A file about to be written, in whatever container. */

/** A tensor to write. */
export interface TensorSpec {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}

/** Its first bytes, and the place of every tensor. */
export interface FileLayout {
  readonly header: Uint8Array;
  /** Offset from the start of the file, and bytes, by tensor name. */
  readonly places: ReadonlyMap<string, { readonly offset: number; readonly byteLength: number }>;
  /** Size of the whole file. */
  readonly size: number;
}
