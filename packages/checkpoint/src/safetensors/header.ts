/**
 * The header of a safetensors file: 8 bytes of length, little-endian, then JSON
 * that names each tensor's dtype, shape and place in the rest of the file.
 */
import { elementCount } from "@w4a16/core";
import { clip, invalid } from "../errors.js";
import { type Json, parseStrictJson, requireObject } from "../io/strict-json.js";
import type { TensorInfo } from "../store.js";

/** Bits of an element. */
export const DTYPE_BITS: Readonly<Record<string, number>> = {
  BOOL: 8,
  U8: 8,
  I8: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  F8_E4M3: 8,
  F8_E5M2: 8,
  F8_E8M0: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  I64: 64,
  U64: 64,
  F64: 64,
};

/** The key of a header that is no tensor's name. */
export const METADATA = "__metadata__";

/** The most a header may have, as the format's own library sets it. */
const MAX_HEADER_BYTES = 100_000_000;

export interface SafetensorsEntry extends TensorInfo {
  /** First byte, counted from the end of the header. */
  readonly begin: number;
}

export interface SafetensorsHeader {
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>;
}

const CODE = "W4A16_INVALID_SAFETENSORS";

/** The header's length from a file's first 8 bytes. */
export function headerLength(first: Uint8Array, fileSize: number, file: string): number {
  const length = new DataView(first.buffer, first.byteOffset).getBigUint64(0, true);
  if (length >= 2n && length <= MAX_HEADER_BYTES && length <= fileSize - 8) return Number(length);
  throw invalid(
    CODE,
    `${file}: header length`,
    `2 to ${Math.min(MAX_HEADER_BYTES, fileSize - 8)} bytes`,
    `${length}`,
  );
}

/**
 * Parses and checks a header: known dtypes, shapes that agree with the offsets,
 * and tensors that cover the data without gap or overlap, as the format asks.
 *
 * @param dataLength bytes in the file after the header.
 */
export function parseHeader(json: Uint8Array, dataLength: number, file: string): SafetensorsHeader {
  const subject = `${file}: header`;
  // The format allows spaces after the object, and nothing before it.
  if (json[0] !== 0x7b) throw invalid(CODE, subject, "JSON that begins with {", `byte ${json[0]}`);
  const root = parseStrictJson(json, { subject, code: CODE, maxDepth: 3 });
  const entries = requireObject(root, subject, CODE);
  const metadata = parseMetadata(entries.get(METADATA), subject);
  entries.delete(METADATA);
  const tensors = new Map<string, SafetensorsEntry>();
  for (const [name, entry] of entries) {
    tensors.set(name, parseEntry(name, entry, `${file}: tensor ${clip(name)}`));
  }
  checkCoverage([...tensors.values()], dataLength, file);
  return { metadata, tensors };
}

function parseMetadata(value: Json | undefined, subject: string): Map<string, string> {
  if (value === undefined) return new Map();
  const metadata = new Map<string, string>();
  for (const [key, text] of requireObject(value, `${subject}: ${METADATA}`, CODE)) {
    if (typeof text !== "string") {
      throw invalid(CODE, `${subject}: ${METADATA}.${clip(key)}`, "a string", text);
    }
    metadata.set(key, text);
  }
  return metadata;
}

function parseEntry(name: string, value: Json, subject: string): SafetensorsEntry {
  const fields = requireObject(value, subject, CODE);
  for (const field of fields.keys()) {
    if (field === "dtype" || field === "shape" || field === "data_offsets") continue;
    throw invalid(CODE, subject, "only dtype, shape and data_offsets", clip(field));
  }
  const dtype = fields.get("dtype");
  if (typeof dtype !== "string" || !Object.hasOwn(DTYPE_BITS, dtype)) {
    const known = Object.keys(DTYPE_BITS).join(", ");
    throw invalid(CODE, `${subject}: dtype`, `one of ${known}`, dtype);
  }
  const shape = parseSizes(fields.get("shape"), `${subject}: shape`);
  const offsets = parseSizes(fields.get("data_offsets"), `${subject}: data_offsets`);
  const [begin, end] = offsets as [number, number];
  if (offsets.length !== 2 || begin > end) {
    throw invalid(CODE, `${subject}: data_offsets`, "[begin, end], begin ≤ end", offsets);
  }
  // Beyond 2^53 the count is inexact, and no size of a real file equals it.
  const bits = elementCount(shape) * DTYPE_BITS[dtype]!;
  if (bits !== 8 * (end - begin)) {
    throw invalid(
      CODE,
      subject,
      `${bits / 8} bytes, as dtype ${dtype} and shape [${clip(shape.join(", "))}] say`,
      `${end - begin} bytes`,
    );
  }
  return { name, dtype, shape, byteLength: end - begin, begin };
}

/** A list of whole numbers ≥ 0. */
function parseSizes(value: Json | undefined, subject: string): number[] {
  const isSize = (size: Json) => Number.isSafeInteger(size) && (size as number) >= 0;
  if (Array.isArray(value) && value.length <= 64 && value.every(isSize)) return value as number[];
  throw invalid(CODE, subject, "a list of whole numbers", value === undefined ? "nothing" : value);
}

function checkCoverage(tensors: SafetensorsEntry[], dataLength: number, file: string): void {
  let end = 0;
  for (const { name, begin, byteLength } of tensors.sort(
    (a, b) => a.begin - b.begin || a.byteLength - b.byteLength,
  )) {
    if (begin !== end) {
      throw invalid(
        CODE,
        `${file}: tensor ${clip(name)}`,
        `data from byte ${end} on, without gap or overlap`,
        `byte ${begin}`,
      );
    }
    end = begin + byteLength;
  }
  if (end !== dataLength) {
    throw invalid(CODE, `${file}: data`, `${end} bytes after the header`, `${dataLength} bytes`);
  }
}
