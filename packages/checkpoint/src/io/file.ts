/** Files read by position, so that memory holds what is asked for and no more. */
import { type FileHandle, open, readFile, stat } from "node:fs/promises";
import { allocateOrThrow, isW4A16Error } from "@w4a16/core";
import { CheckpointError, fileError, invalid } from "../errors.js";

/** An open file of known size. */
export class RandomAccessFile implements AsyncDisposable {
  #closed = false;

  private constructor(
    readonly path: string,
    readonly size: number,
    private readonly handle: FileHandle,
  ) {}

  static async open(path: string): Promise<RandomAccessFile> {
    let handle: FileHandle | undefined;
    try {
      // Looked at first: opening a named pipe would wait for its writer.
      if ((await stat(path)).isFile()) {
        handle = await open(path, "r");
        return new RandomAccessFile(path, (await handle.stat()).size, handle);
      }
    } catch (cause) {
      await handle?.close();
      throw fileError(path, cause, "read");
    }
    throw notAFile(path);
  }

  /** `length` bytes from `offset`, in a buffer of their own, so that any typed array can view them. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    if (this.#closed) throw this.#closedError();
    if (offset < 0 || length < 0 || offset + length > this.size) {
      throw invalid(
        "W4A16_FILE_UNREADABLE",
        this.path,
        `bytes ${offset} to ${offset + length}`,
        `${this.size} bytes`,
        "The file is cut off: fetch it again.",
      );
    }
    const bytes = await readFully(this.handle, offset, length).catch((cause) => {
      if (isW4A16Error(cause)) throw this.#tooLarge(length);
      throw this.#closed ? this.#closedError() : fileError(this.path, cause, "read");
    });
    if (bytes.length === length) return bytes;
    throw invalid(
      "W4A16_FILE_UNREADABLE",
      this.path,
      `${this.size} bytes, as when it was opened`,
      `a file that ends at byte ${offset + bytes.length}`,
      "Another process changed the file: let it end, then open the file again.",
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.handle.close();
  }

  #tooLarge(length: number) {
    return invalid(
      "W4A16_FILE_UNREADABLE",
      this.path,
      `memory for a tensor of ${length} bytes`,
      "a failed allocation",
      "Use a machine with more memory: a tensor is read whole.",
    );
  }

  #closedError() {
    return invalid(
      "W4A16_FILE_UNREADABLE",
      this.path,
      "an open checkpoint",
      "a closed one",
      "Await what it gives before it is closed: `return await loadLinear(…)` in a function with `await using`.",
    );
  }
}

/**
 * Up to `length` bytes from `offset`; fewer where the file ends before.
 *
 * @throws DeviceError `W4A16_OUT_OF_MEMORY`.
 */
export async function readFully(
  handle: FileHandle,
  offset: number,
  length: number,
): Promise<Uint8Array> {
  const bytes = allocateOrThrow(length, () => new Uint8Array(length));
  for (let done = 0; done < length; ) {
    // One read call returns at most 2 GiB.
    const step = Math.min(length - done, 2 ** 30);
    const { bytesRead } = await handle.read(bytes, done, step, offset + done);
    if (bytesRead === 0) return bytes.subarray(0, done);
    done += bytesRead;
  }
  return bytes;
}

/** Writes all of `bytes` at `offset`. */
export async function writeFully(
  handle: FileHandle,
  bytes: Uint8Array,
  offset: number,
): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const step = Math.min(bytes.length - done, 2 ** 30);
    done += (await handle.write(bytes, done, step, offset + done)).bytesWritten;
  }
}

/** Reads a whole file that is small by its nature. */
export async function readSmallFile(path: string, most: number): Promise<Uint8Array> {
  try {
    const place = await stat(path);
    if (!place.isFile()) throw notAFile(path);
    if (place.size <= most) return await readFile(path);
    throw invalid("W4A16_INVALID_CHECKPOINT", path, `at most ${most} bytes`, `${place.size} bytes`);
  } catch (cause) {
    throw cause instanceof CheckpointError ? cause : fileError(path, cause, "read");
  }
}

/** The error for a folder, a pipe or a device where a file should be. */
function notAFile(path: string) {
  return invalid("W4A16_FILE_UNREADABLE", path, "a file", "something else", "Check the path.");
}
