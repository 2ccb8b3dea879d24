/**
 * AWQ's GEMM layout: int32 words [K, N/8]; nibble i of word c is out-feature
 * 8c + [0, 2, 4, 6, 1, 3, 5, 7][i]. Zeros are words [K/G, N/8] in the same order.
 *
 * Eight bytes of a row of row interleave hold two such words, one in the low
 * nibbles and one in the high ones.
 */
import { requireLinear, requireRowInterleave, requireWords } from "./linear.js";
import { unzipNibbles, zipNibbles } from "./primitives.js";
import type { LinearShape } from "./row-interleave.js";
import { packZeros, unpackZeros, type ZerosShape } from "./zeros.js";

const GRANULARITY = { layout: "AWQ", outFeatures: 8 };

/** AWQ words [K, N/8] of row-interleaved bytes [K/2, N]. */
export function toAwq(packed: Uint8Array, shape: LinearShape): Int32Array {
  const { n, k } = requireLinear(shape, GRANULARITY);
  requireRowInterleave(packed, n, k);
  const words = new Int32Array((k * n) / 8);
  const perRow = n / 8;
  for (let i = 0, at = 0; i < packed.length; at += perRow) {
    for (const end = at + perRow; at < end; at++, i += 8) {
      const left = unzipNibbles(
        packed[i]! | (packed[i + 1]! << 8) | (packed[i + 2]! << 16) | (packed[i + 3]! << 24),
      );
      const right = unzipNibbles(
        packed[i + 4]! | (packed[i + 5]! << 8) | (packed[i + 6]! << 16) | (packed[i + 7]! << 24),
      );
      words[at] = unzipNibbles((left & 0xffff) | (right << 16));
      words[at + perRow] = unzipNibbles((left >>> 16) | (right & 0xffff0000));
    }
  }
  return words;
}

/** Row-interleaved bytes [K/2, N] of AWQ words [K, N/8]. */
export function fromAwq(words: Int32Array | Uint32Array, shape: LinearShape): Uint8Array {
  const { n, k } = requireLinear(shape, GRANULARITY);
  const checked = requireWords(words, (k * n) / 8, "[inFeatures, outFeatures/8]");
  const packed = new Uint8Array((k / 2) * n);
  const perRow = n / 8;
  for (let i = 0, at = 0; i < packed.length; at += perRow) {
    for (const end = at + perRow; at < end; at++, i += 8) {
      const even = zipNibbles(checked[at]!);
      const odd = zipNibbles(checked[at + perRow]!);
      const left = zipNibbles((even & 0xffff) | (odd << 16));
      const right = zipNibbles((even >>> 16) | (odd & 0xffff0000));
      packed[i] = left;
      packed[i + 1] = left >> 8;
      packed[i + 2] = left >> 16;
      packed[i + 3] = left >> 24;
      packed[i + 4] = right;
      packed[i + 5] = right >> 8;
      packed[i + 6] = right >> 16;
      packed[i + 7] = right >> 24;
    }
  }
  return packed;
}

/**
 * qzeros [K/G, N/8] of zeros [K/G, N].
 *
 * @throws ArgumentError `W4A16_LOSSY_ZERO` on a zero that is not whole or not in 0..15.
 */
export function toAwqZeros(zeros: Float32Array, shape: ZerosShape): Int32Array {
  return packZeros(zeros, shape, "AWQ").map(unzipNibbles);
}

/** Zeros [K/G, N] of qzeros [K/G, N/8]. */
export function fromAwqZeros(words: Int32Array | Uint32Array, shape: ZerosShape): Float32Array {
  return unpackZeros(words, shape, "AWQ", zipNibbles);
}
