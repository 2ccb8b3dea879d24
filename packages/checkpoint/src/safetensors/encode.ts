/** Lays out a safetensors file: the header, and where each tensor's bytes go. */
import { elementCount } from "@w4a16/core";
import type { FileLayout, TensorSpec } from "../layout.js";
import { DTYPE_BITS, METADATA } from "./header.js";

/**
 * Wider elements come first, so that every tensor is aligned to its element
 * when the file is mapped; the header is padded with spaces to a multiple of 8.
 */
export function layoutSafetensors(
  tensors: readonly TensorSpec[],
  metadata: Readonly<Record<string, string>>,
): FileLayout {
  const ordered = [...tensors].sort(
    (a, b) => DTYPE_BITS[b.dtype]! - DTYPE_BITS[a.dtype]! || (a.name < b.name ? -1 : 1),
  );
  const entries: Array<[string, unknown]> = [[METADATA, metadata]];
  const relative = new Map<string, [begin: number, end: number]>();
  let end = 0;
  for (const { name, dtype, shape } of ordered) {
    const begin = end;
    end += (elementCount(shape) * DTYPE_BITS[dtype]!) / 8;
    relative.set(name, [begin, end]);
    entries.push([name, { dtype, shape, data_offsets: [begin, end] }]);
  }
  const json = JSON.stringify(Object.fromEntries(entries));
  const body = new TextEncoder().encode(json);
  const base = 8 + 8 * Math.ceil(body.length / 8);
  const header = new Uint8Array(base).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(base - 8), true);
  header.set(body, 8);
  const places = new Map(
    [...relative].map(([name, [from, to]]) => [
      name,
      { offset: base + from, byteLength: to - from },
    ]),
  );
  return { header, places, size: base + end };
}
