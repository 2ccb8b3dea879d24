/**
 * HQQ's 4bit_u8 of a weight grouped along K, straight from and to row interleave:
 * with the weight's N·K codes in order, byte f holds code f in its high nibble
 * and code f + N·K/2 in its low one. `packHqq` is the general form, on codes.
 */

import { requireInstance, requireLength } from "./errors.js";
import { packHqq, unpackHqq } from "./hqq.js";
import { requireLinear, requireRowInterleave } from "./linear.js";
import { transposeBytes } from "./primitives.js";
import { type LinearShape, packLinear, unpackLinear } from "./row-interleave.js";

const GRANULARITY = { layout: "HQQ's 4bit_u8" };

/** HQQ 4bit_u8 bytes [N·K/2] of row-interleaved bytes [K/2, N]. */
export function toHqq4bit(packed: Uint8Array, shape: LinearShape): Uint8Array {
  const { n, k } = requireLinear(shape, GRANULARITY);
  requireRowInterleave(packed, n, k);
  const half = packed.length / 2;
  // An odd half splits a byte of the transpose between its two sides.
  if (!Number.isInteger(half)) {
    return packHqq(unpackLinear(packed, shape), { rows: 2, cols: packed.length, bits: 4 });
  }
  const rows = transposeBytes(packed, k / 2, n);
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < half; i++) {
    const first = rows[i]!;
    const second = rows[i + half]!;
    bytes[2 * i] = (first << 4) | (second & 15);
    bytes[2 * i + 1] = (first & 0xf0) | (second >> 4);
  }
  return bytes;
}

/** Row-interleaved bytes [K/2, N] of HQQ 4bit_u8 bytes [N·K/2]. */
export function fromHqq4bit(bytes: Uint8Array, shape: LinearShape): Uint8Array {
  const { n, k } = requireLinear(shape, GRANULARITY);
  requireInstance("bytes", bytes, [Uint8Array]);
  requireLength("bytes", bytes, (n * k) / 2, "[outFeatures·inFeatures/2]");
  const half = bytes.length / 2;
  if (!Number.isInteger(half)) {
    return packLinear(unpackHqq(bytes, { rows: 2, cols: bytes.length, bits: 4 }), shape);
  }
  const rows = new Uint8Array(bytes.length);
  for (let i = 0; i < half; i++) {
    const even = bytes[2 * i]!;
    const odd = bytes[2 * i + 1]!;
    rows[i] = (even >> 4) | (odd & 0xf0);
    rows[i + half] = (even & 15) | (odd << 4);
  }
  return transposeBytes(rows, n, k / 2);
}
