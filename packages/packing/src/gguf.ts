/**
 * GGUF's Q4_0 and Q4_1: blocks of 32 in-features along a row of the weight
 * [N, K]. A block is its float16 parameters (Q4_0: d; Q4_1: d and m), then 16
 * bytes: byte j has in-feature j in its low nibble and j + 16 in its high one.
 * Q4_0 is (code − 8)·d, d of either sign; Q4_1 is code·d + m.
 *
 * Parameters come and go as float16 bits [K/32, N].
 */
import { requireInstance, requireLength } from "./errors.js";
import { requireLinear, requireRowInterleave } from "./linear.js";
import { transposeBytes } from "./primitives.js";
import type { LinearShape } from "./row-interleave.js";

const BLOCK = 32;
const GRANULARITY = { layout: "GGUF", inFeatures: BLOCK };

/** A Q4_0 weight taken apart: row interleave and the parameter of each block. */
export interface GgufQ4 {
  /** Row-interleaved bytes [K/2, N]. */
  readonly packed: Uint8Array;
  /** float16 bits [K/32, N] of the scale. */
  readonly d: Uint16Array;
}

/** A Q4_1 weight taken apart: Q4_0's parts, and the minima. */
export interface GgufQ4_1 extends GgufQ4 {
  /** float16 bits [K/32, N] of the minimum. */
  readonly m: Uint16Array;
}

/** Q4_0 blocks, bytes [N, K/32, 18]. */
export function toGgufQ4_0(weight: GgufQ4, shape: LinearShape): Uint8Array {
  return toBlocks(weight?.packed, shape, [weight?.d]);
}

/** Q4_1 blocks, bytes [N, K/32, 20]. */
export function toGgufQ4_1(weight: GgufQ4_1, shape: LinearShape): Uint8Array {
  return toBlocks(weight?.packed, shape, [weight?.d, weight?.m]);
}

/** The inverse of {@link toGgufQ4_0}. */
export function fromGgufQ4_0(blocks: Uint8Array, shape: LinearShape): GgufQ4 {
  const { packed, parameters } = fromBlocks(blocks, shape, 1);
  return { packed, d: parameters[0]! };
}

/** The inverse of {@link toGgufQ4_1}. */
export function fromGgufQ4_1(blocks: Uint8Array, shape: LinearShape): GgufQ4_1 {
  const { packed, parameters } = fromBlocks(blocks, shape, 2);
  return { packed, d: parameters[0]!, m: parameters[1]! };
}

function toBlocks(packed: Uint8Array, shape: LinearShape, parameters: Uint16Array[]): Uint8Array {
  const { n, k } = requireLinear(shape, GRANULARITY);
  requireRowInterleave(packed, n, k);
  for (const values of parameters) {
    requireInstance("d and m", values, [Uint16Array]);
    requireLength("d and m", values, (k / BLOCK) * n, "[inFeatures/32, outFeatures]");
  }
  const rows = transposeBytes(packed, k / 2, n);
  const blocks = new Uint8Array(((n * k) / BLOCK) * (16 + 2 * parameters.length));
  const perRow = k / BLOCK;
  for (let at = 0, from = 0, block = 0; from < rows.length; block++) {
    const parameter = (block % perRow) * n + Math.floor(block / perRow);
    for (const values of parameters) {
      blocks[at++] = values[parameter]!;
      blocks[at++] = values[parameter]! >> 8;
    }
    for (const end = from + 8; from < end; from++) {
      const low = rows[from]!;
      const high = rows[from + 8]!;
      blocks[at++] = (low & 15) | (high << 4);
      blocks[at++] = (low >> 4) | (high & 0xf0);
    }
    from += 8;
  }
  return blocks;
}

/** Splits blocks of `count` parameters into these and row interleave. */
function fromBlocks(
  blocks: Uint8Array,
  shape: LinearShape,
  count: number,
): { packed: Uint8Array; parameters: Uint16Array[] } {
  const { n, k } = requireLinear(shape, GRANULARITY);
  const bytes = 16 + 2 * count;
  requireInstance("blocks", blocks, [Uint8Array]);
  requireLength("blocks", blocks, ((n * k) / BLOCK) * bytes, `[N, K/32, ${bytes}]`);
  const rows = new Uint8Array((n * k) / 2);
  const parameters = Array.from({ length: count }, () => new Uint16Array((n * k) / BLOCK));
  const perRow = k / BLOCK;
  for (let at = 0, into = 0, block = 0; into < rows.length; block++) {
    const parameter = (block % perRow) * n + Math.floor(block / perRow);
    for (const values of parameters) {
      values[parameter] = blocks[at]! | (blocks[at + 1]! << 8);
      at += 2;
    }
    for (const end = into + 8; into < end; into++) {
      const even = blocks[at++]!;
      const odd = blocks[at++]!;
      rows[into] = (even & 15) | (odd << 4);
      rows[into + 8] = (even >> 4) | (odd & 0xf0);
    }
    into += 8;
  }
  return { packed: transposeBytes(rows, n, k / 2), parameters };
}
