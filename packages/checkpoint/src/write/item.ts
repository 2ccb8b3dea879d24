/** A part of a file that is made and written at once. */
import type { FileHandle } from "node:fs/promises";
import { writeFully } from "../io/file.js";
import type { FileLayout, TensorSpec } from "../layout.js";

/** Tensors that are made, and written, together. */
export interface WriteItem<Note> {
  readonly name: string;
  /** Bytes of the input that it deals with. */
  readonly inputBytes: number;
  readonly tensors: readonly TensorSpec[];
  /** Makes the tensors' bytes, in order, and a note that a resumed run gets back. */
  produce(): Promise<{ readonly bytes: readonly Uint8Array[]; readonly note: Note }>;
}

/** Writes an item's tensors, whose bytes are in the same order, to their places. */
export async function writeItem(
  file: FileHandle,
  layout: FileLayout,
  tensors: readonly TensorSpec[],
  bytes: readonly Uint8Array[],
): Promise<void> {
  for (const [i, { name }] of tensors.entries()) {
    const { offset, byteLength } = layout.places.get(name)!;
    const data = bytes[i];
    if (data?.length !== byteLength) {
      throw new RangeError(`${name}: ${data?.length} bytes were made for ${byteLength}`);
    }
    await writeFully(file, data, offset);
  }
}
