/**
 * MLX: uint32 words [N, K/8], in-feature k in nibble k mod 8, with
 * W = code·scale + bias. In memory (little-endian) the words are the byte
 * transpose of row interleave. Biases are −zero·scale: see `zerosToBiases`.
 */
import { requireLinear, requireRowInterleave, requireWords } from "./linear.js";
import { transposeBytes } from "./primitives.js";
import type { LinearShape } from "./row-interleave.js";

const GRANULARITY = { layout: "MLX", inFeatures: 8 };

/** MLX words [N, K/8] of row-interleaved bytes [K/2, N]. */
export function toMlx(packed: Uint8Array, shape: LinearShape): Uint32Array {
  const { n, k } = requireLinear(shape, GRANULARITY);
  requireRowInterleave(packed, n, k);
  return new Uint32Array(transposeBytes(packed, k / 2, n).buffer);
}

/** Row-interleaved bytes [K/2, N] of MLX words [N, K/8]. */
export function fromMlx(words: Int32Array | Uint32Array, shape: LinearShape): Uint8Array {
  const { n, k } = requireLinear(shape, GRANULARITY);
  const { buffer, byteOffset, byteLength } = requireWords(
    words,
    (n * k) / 8,
    "[outFeatures, inFeatures/8]",
  );
  return transposeBytes(new Uint8Array(buffer, byteOffset, byteLength), n, k / 2);
}
