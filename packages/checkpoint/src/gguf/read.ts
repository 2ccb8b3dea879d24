/** GGUF files (versions 2 and 3, little-endian), read tensor by tensor. */
import { basename } from "node:path";
import { CheckpointError, clip, invalid } from "../errors.js";
import { RandomAccessFile } from "../io/file.js";
import { type TensorInfo, type TensorStore, tensorNotFound } from "../store.js";
import { GgufCursor, NeedMoreBytes } from "./cursor.js";
import { GGUF_ALIGNMENT, GGUF_MAGIC, GGUF_TYPES, MAX_DIMENSIONS } from "./types.js";

interface GgufEntry extends TensorInfo {
  /** From the start of the data. */
  readonly offset: number;
}

interface GgufHeader {
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, GgufEntry>;
  /** Where the data begin. */
  readonly base: number;
}

const CODE = "W4A16_INVALID_GGUF";
const FIRST_READ = 2 ** 20;
/** Vocabularies make headers of tens of megabytes; this is far above any. */
const MAX_HEADER_BYTES = 2 ** 28;
const MAX_ENTRIES = 2 ** 18;

class GgufStore implements TensorStore {
  readonly container = "gguf";
  readonly files: readonly string[];
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, GgufEntry>;

  constructor(
    readonly path: string,
    private readonly file: RandomAccessFile,
    private readonly header: GgufHeader,
  ) {
    this.files = [path];
    this.metadata = header.metadata;
    this.tensors = header.tensors;
  }

  async read(name: string): Promise<Uint8Array> {
    const entry = this.tensors.get(name);
    if (!entry) throw tensorNotFound(this, name);
    if (Number.isFinite(entry.byteLength)) {
      return this.file.read(this.header.base + entry.offset, entry.byteLength);
    }
    throw new CheckpointError({
      code: "W4A16_UNSUPPORTED_FORMAT",
      subject: clip(name),
      expected: `a type among ${[...GGUF_TYPES.values()].map(({ name }) => name).join(", ")}`,
      received: entry.dtype,
      fix: "Convert the tensor to one of these types with llama.cpp's quantize tool.",
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.file[Symbol.asyncDispose]();
  }
}

/** Opens a GGUF file and checks its header against its size. */
export async function openGguf(path: string): Promise<TensorStore> {
  const file = await RandomAccessFile.open(path);
  try {
    return new GgufStore(path, file, await readHeader(file));
  } catch (error) {
    await file[Symbol.asyncDispose]();
    throw error;
  }
}

/** Headers have no length field, so they are parsed from a growing prefix of the file. */
async function readHeader(file: RandomAccessFile): Promise<GgufHeader> {
  for (let length = FIRST_READ; ; length *= 4) {
    const bytes = await file.read(0, Math.min(length, file.size));
    try {
      return parseHeader(bytes, file.size, basename(file.path));
    } catch (error) {
      if (!(error instanceof NeedMoreBytes)) throw error;
      if (length < MAX_HEADER_BYTES) continue;
      throw invalid(
        CODE,
        file.path,
        `a header of at most ${MAX_HEADER_BYTES} bytes`,
        "a longer one",
      );
    }
  }
}

function parseHeader(bytes: Uint8Array, fileSize: number, file: string): GgufHeader {
  const cursor = new GgufCursor(bytes, fileSize, file);
  const magic = cursor.u32();
  if (magic !== GGUF_MAGIC) {
    throw invalid(CODE, `${file}: first bytes`, "GGUF", `0x${magic.toString(16)}`);
  }
  const version = cursor.u32();
  if (version !== 2 && version !== 3) {
    throw new CheckpointError({
      code: "W4A16_UNSUPPORTED_FORMAT",
      subject: `${file}: version`,
      expected: "GGUF version 2 or 3, little-endian",
      received: String(version),
      fix: "Write the file again with a current tool.",
    });
  }
  // The shortest tensor takes 24 bytes of header and the shortest value 13.
  const tensorCount = cursor.size("number of tensors", atMost(fileSize / 24));
  const valueCount = cursor.size("number of metadata values", atMost(fileSize / 13));
  const metadata = new Map<string, string>();
  const keys = new Set<string>();
  for (let i = 0; i < valueCount; i++) {
    const key = cursor.string("a metadata key");
    if (keys.has(key)) throw invalid(CODE, `${file}: metadata`, "keys that occur once", clip(key));
    keys.add(key);
    const value = cursor.value(key);
    if (value !== undefined) metadata.set(key, value);
  }
  const alignment = requireAlignment(metadata.get("general.alignment"), file);
  const entries = new Map<string, GgufEntry>();
  for (let i = 0; i < tensorCount; i++) {
    const entry = parseEntry(cursor, alignment, fileSize, file);
    if (entries.has(entry.name)) {
      throw invalid(CODE, `${file}: tensors`, "names that occur once", clip(entry.name));
    }
    entries.set(entry.name, entry);
  }
  const base = Math.ceil(cursor.at / alignment) * alignment;
  checkPlaces([...entries.values()], fileSize - base, file);
  return { metadata, tensors: entries, base };
}

/** A count that the file's size allows and that no model comes near. */
function atMost(count: number): number {
  return Math.min(MAX_ENTRIES, Math.floor(count));
}

function requireAlignment(text: string | undefined, file: string): number {
  const alignment = text === undefined ? GGUF_ALIGNMENT : Number(text);
  const isPower = Number.isInteger(Math.log2(alignment));
  if (isPower && alignment >= 1 && alignment <= 2 ** 20) return alignment;
  throw invalid(CODE, `${file}: general.alignment`, "a power of two up to 2^20", clip(text));
}

function parseEntry(
  cursor: GgufCursor,
  alignment: number,
  fileSize: number,
  file: string,
): GgufEntry {
  const name = cursor.string("a tensor name");
  const subject = `${file}: tensor ${clip(name)}`;
  const dimensions = cursor.u32();
  if (dimensions > MAX_DIMENSIONS) {
    throw invalid(CODE, subject, `at most ${MAX_DIMENSIONS} dimensions`, `${dimensions}`);
  }
  const sizes = Array.from({ length: dimensions }, () =>
    cursor.size(`shape of ${clip(name)}`, Number.MAX_SAFE_INTEGER),
  );
  const typeNumber = cursor.u32();
  const offset = cursor.size(`offset of ${clip(name)}`, fileSize);
  if (offset % alignment !== 0) {
    throw invalid(CODE, `${subject}: offset`, `a multiple of ${alignment}`, `${offset}`);
  }
  const type = GGUF_TYPES.get(typeNumber);
  const shape = sizes.slice().reverse();
  if (!type) return { name, dtype: `type ${typeNumber}`, shape, byteLength: Number.NaN, offset };
  const rowBlocks = (sizes[0] ?? 1) / type.elements;
  if (!Number.isInteger(rowBlocks)) {
    throw invalid(
      CODE,
      subject,
      `rows of a multiple of ${type.elements} for ${type.name}`,
      `${sizes[0]}`,
    );
  }
  const blocks = sizes.slice(1).reduce((product, size) => product * size, rowBlocks);
  return { name, dtype: type.name, shape, byteLength: blocks * type.bytes, offset };
}

function checkPlaces(entries: GgufEntry[], dataLength: number, file: string): void {
  let end = 0;
  for (const { name, offset, byteLength } of entries.sort(
    (a, b) => a.offset - b.offset || a.byteLength - b.byteLength,
  )) {
    if (offset < end) {
      throw invalid(
        CODE,
        `${file}: tensor ${clip(name)}`,
        `data from byte ${end} on, without overlap`,
        `byte ${offset}`,
      );
    }
    if (Number.isNaN(byteLength)) continue;
    end = offset + byteLength;
    if (end > dataLength) {
      throw invalid(
        CODE,
        `${file}: tensor ${clip(name)}`,
        `data that end within ${dataLength} bytes`,
        `byte ${end}`,
      );
    }
  }
}
