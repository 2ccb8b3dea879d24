/** Reads the fields of a GGUF header from bytes, never past their end. */
import { clip, invalid } from "../errors.js";
import { GGUF_ARRAY, GGUF_STRING } from "./types.js";

/** Thrown when the bytes at hand end before the header does; more may be in the file. */
export class NeedMoreBytes extends Error {}

/** Bytes of a metadata value by type number; 0 for strings and arrays, which tell their length. */
const VALUE_BYTES = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];
const MAX_ARRAY_DEPTH = 4;
/** Longest text kept; longer values are passed over. */
const MAX_KEPT = 65536;

export class GgufCursor {
  at = 0;
  readonly #view: DataView;

  constructor(
    private readonly bytes: Uint8Array,
    /** Bytes in the whole file: nothing can be longer. */
    private readonly fileSize: number,
    private readonly file: string,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  /** A 64-bit size or count that must be at most `most`. */
  size(subject: string, most: number): number {
    const value = this.#view.getBigUint64(this.#take(8), true);
    if (value <= most) return Number(value);
    throw invalid(
      "W4A16_INVALID_GGUF",
      `${this.file}: ${subject}`,
      `at most ${most}, as the file's size allows`,
      `${value}`,
    );
  }

  string(subject: string): string {
    const length = this.size(`length of ${subject}`, this.fileSize - this.at);
    const start = this.#take(length);
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(
        this.bytes.subarray(start, start + length),
      );
    } catch (cause) {
      throw invalid("W4A16_INVALID_GGUF", `${this.file}: ${subject}`, "UTF-8 text", String(cause));
    }
  }

  /** A metadata value: numbers, booleans and short strings as text; others are passed over. */
  value(subject: string): string | undefined {
    const type = this.u32();
    if (type === GGUF_ARRAY) {
      this.#skipArray(subject, 1);
      return undefined;
    }
    if (type === GGUF_STRING) {
      const text = this.string(subject);
      return text.length <= MAX_KEPT ? text : undefined;
    }
    return this.#scalar(type, subject);
  }

  #scalar(type: number, subject: string): string {
    const at = this.#take(this.#bytesOf(type, subject));
    const view = this.#view;
    const read = [
      () => view.getUint8(at),
      () => view.getInt8(at),
      () => view.getUint16(at, true),
      () => view.getInt16(at, true),
      () => view.getUint32(at, true),
      () => view.getInt32(at, true),
      () => view.getFloat32(at, true),
      () => view.getUint8(at) !== 0,
      undefined,
      undefined,
      () => view.getBigUint64(at, true),
      () => view.getBigInt64(at, true),
      () => view.getFloat64(at, true),
    ][type];
    return String(read?.());
  }

  #skipArray(subject: string, depth: number): void {
    if (depth > MAX_ARRAY_DEPTH) {
      throw invalid(
        "W4A16_INVALID_GGUF",
        `${this.file}: ${clip(subject)}`,
        `arrays nested at most ${MAX_ARRAY_DEPTH} deep`,
        "deeper nesting",
      );
    }
    const type = this.u32();
    const nested = type === GGUF_STRING || type === GGUF_ARRAY;
    const least =
      type === GGUF_STRING ? 8 : type === GGUF_ARRAY ? 12 : this.#bytesOf(type, subject);
    const most = Math.floor((this.fileSize - this.at) / least);
    const count = this.size(`length of array ${clip(subject)}`, most);
    if (!nested) {
      this.#take(count * least);
      return;
    }
    for (let i = 0; i < count; i++) {
      if (type === GGUF_ARRAY) this.#skipArray(subject, depth + 1);
      else this.#take(this.size(`length of a string in ${clip(subject)}`, this.fileSize - this.at));
    }
  }

  #bytesOf(type: number, subject: string): number {
    const bytes = VALUE_BYTES[type];
    if (bytes) return bytes;
    throw invalid(
      "W4A16_INVALID_GGUF",
      `${this.file}: ${clip(subject)}`,
      "a value type of 0 to 12",
      `${type}`,
    );
  }

  #take(length: number): number {
    const start = this.at;
    if (start + length > this.fileSize) {
      throw invalid(
        "W4A16_INVALID_GGUF",
        `${this.file}: header`,
        `${start + length} bytes at least`,
        `a file of ${this.fileSize} bytes`,
      );
    }
    if (start + length > this.bytes.length) throw new NeedMoreBytes();
    this.at += length;
    return start;
  }
}
