/** Lays out a GGUF file (version 3): the header, and where each tensor's bytes go. */
import { elementCount } from "@w4a16/core";
import { clip, invalid } from "../errors.js";
import type { FileLayout, TensorSpec } from "../layout.js";
import {
  GGUF_ALIGNMENT,
  GGUF_MAGIC,
  GGUF_STRING,
  GGUF_TYPES,
  GGUF_VERSION,
  type GgufType,
  ggufLacks,
  ggufTypeNumber,
} from "./types.js";

const encoder = new TextEncoder();

/** Tensors follow one another, each at a multiple of 32 bytes. */
export function layoutGguf(
  tensors: readonly TensorSpec[],
  metadata: Readonly<Record<string, string>>,
): FileLayout {
  const parts: Uint8Array[] = [];
  const u32 = (value: number) => parts.push(new Uint8Array(Uint32Array.of(value).buffer));
  const u64 = (value: number) =>
    parts.push(new Uint8Array(BigUint64Array.of(BigInt(value)).buffer));
  const string = (text: string) => {
    const bytes = encoder.encode(text);
    u64(bytes.length);
    parts.push(bytes);
  };
  const values = Object.entries({ "general.architecture": "w4a16", ...metadata });
  u32(GGUF_MAGIC);
  u32(GGUF_VERSION);
  u64(tensors.length);
  u64(values.length);
  for (const [key, value] of values) {
    string(key);
    u32(GGUF_STRING);
    string(value);
  }
  const relative = new Map<string, { offset: number; byteLength: number }>();
  let end = 0;
  for (const { name, dtype, shape } of tensors) {
    const lacks = ggufLacks(name, dtype, shape);
    if (lacks !== undefined) {
      throw invalid(
        "W4A16_UNSUPPORTED_FORMAT",
        `tensor ${clip(name)}`,
        "a dtype, a shape and a name that GGUF has",
        lacks,
        "Leave this layer out with --exclude, rename it in the input, or convert to another format.",
      );
    }
    const number = ggufTypeNumber(dtype)!;
    string(name);
    u32(shape.length);
    for (const size of [...shape].reverse()) u64(size);
    u32(number);
    u64(end);
    const byteLength = bytesOf(GGUF_TYPES.get(number)!, shape);
    relative.set(name, { offset: end, byteLength });
    end = align(end + byteLength);
  }
  const length = parts.reduce((total, part) => total + part.length, 0);
  const header = new Uint8Array(align(length));
  let at = 0;
  for (const part of parts) {
    header.set(part, at);
    at += part.length;
  }
  const places = new Map(
    [...relative].map(([name, place]) => [
      name,
      { ...place, offset: place.offset + header.length },
    ]),
  );
  return { header, places, size: header.length + end };
}

function bytesOf({ elements, bytes }: GgufType, shape: readonly number[]): number {
  return (elementCount(shape) / elements) * bytes;
}

function align(offset: number): number {
  return Math.ceil(offset / GGUF_ALIGNMENT) * GGUF_ALIGNMENT;
}
