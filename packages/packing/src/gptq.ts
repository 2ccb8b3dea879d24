/**
 * GPTQ, as AutoGPTQ and GPTQModel store it: int32 words [K/8, N], in-feature k in
 * nibble k mod 8; zeros as words [K/G, N/8], out-feature n in nibble n mod 8.
 *
 * A word holds four bytes of row interleave from below one another. Version 1
 * stores zero − 1, version 2 the zero; the two differ by 0x11111111 in each word.
 * In version 1 a zero of 0 borrows from its neighbours, and some writers let its
 * −1 flood all higher nibbles, so it is neither written nor read where flooded.
 *
 * gemlite packs its weights the same way (see gemlite.ts).
 */
import { ArgumentError, describeValue } from "./errors.js";
import { requireLinear, requireRowInterleave, requireWords } from "./linear.js";
import type { LinearShape } from "./row-interleave.js";
import { packZeros, requireZerosShape, unpackZeros, type ZerosShape } from "./zeros.js";

/** 1: qzeros hold zero − 1 (`checkpoint_format: "gptq"`). 2: the zero (`"gptq_v2"`). */
export type GptqVersion = 1 | 2;

export interface GptqZerosShape extends ZerosShape {
  readonly version: GptqVersion;
}

const GRANULARITY = { layout: "GPTQ", inFeatures: 8 };

/** GPTQ words [K/8, N] of row-interleaved bytes [K/2, N]. */
export function toGptq(packed: Uint8Array, shape: LinearShape): Int32Array {
  const { n, k } = requireLinear(shape, GRANULARITY);
  requireRowInterleave(packed, n, k);
  const words = new Int32Array((k / 8) * n);
  for (let at = 0, row = 0; at < words.length; row += 4 * n) {
    for (let i = row, end = row + n; i < end; i++) {
      words[at++] =
        packed[i]! |
        (packed[i + n]! << 8) |
        (packed[i + 2 * n]! << 16) |
        (packed[i + 3 * n]! << 24);
    }
  }
  return words;
}

/** Row-interleaved bytes [K/2, N] of GPTQ words [K/8, N]. */
export function fromGptq(words: Int32Array | Uint32Array, shape: LinearShape): Uint8Array {
  const { n, k } = requireLinear(shape, GRANULARITY);
  const checked = requireWords(words, (k / 8) * n, "[inFeatures/8, outFeatures]");
  const packed = new Uint8Array((k / 2) * n);
  for (let at = 0, row = 0; at < checked.length; row += 4 * n) {
    for (let i = row, end = row + n; i < end; i++) {
      const word = checked[at++]!;
      packed[i] = word;
      packed[i + n] = word >> 8;
      packed[i + 2 * n] = word >> 16;
      packed[i + 3 * n] = word >> 24;
    }
  }
  return packed;
}

/**
 * qzeros [K/G, N/8] of zeros [K/G, N].
 *
 * @throws ArgumentError `W4A16_LOSSY_ZERO` on a zero that is not whole, not in
 * 0..15, or 0 in version 1.
 */
export function toGptqZeros(zeros: Float32Array, shape: GptqZerosShape): Int32Array {
  const { version, ...sizes } = requireGptqShape(shape);
  const words = packZeros(zeros, sizes, "GPTQ");
  if (version === 2 || words.length === 0) return words; // a detached array cannot be searched
  const damaged = zeros.indexOf(0);
  if (damaged >= 0) {
    throw new ArgumentError({
      code: "W4A16_LOSSY_ZERO",
      subject: `zeros[${damaged}]`,
      expected: "a whole number from 1 to 15, all that GPTQ version 1 holds without damage",
      received: "0",
      fix: "Write version 2 (checkpoint_format gptq_v2).",
    });
  }
  return words.map((word) => word - 0x11111111);
}

/**
 * Zeros [K/G, N] of qzeros [K/G, N/8].
 *
 * @throws ArgumentError `W4A16_DAMAGED_ZEROS` on a version 1 word whose upper
 * nibbles were flooded by the −1 of a zero of 0.
 */
export function fromGptqZeros(
  words: Int32Array | Uint32Array,
  shape: GptqZerosShape,
): Float32Array {
  const { version, ...sizes } = requireGptqShape(shape);
  return unpackZeros(words, sizes, "GPTQ", version === 2 ? undefined : fromVersion1);
}

/** A word of version 1 as one of version 2. */
function fromVersion1(word: number, index: number): number {
  if (word >>> 24 !== 0xff) return word + 0x11111111;
  throw new ArgumentError({
    code: "W4A16_DAMAGED_ZEROS",
    subject: `qzeros word ${index}`,
    expected: "stored zeros (zero − 1) of 0 to 14",
    received: `0x${(word >>> 0).toString(16)}, flooded by a zero of 0`,
    fix: "Quantize again with a writer of version 2 (checkpoint_format gptq_v2): the zeros are lost.",
  });
}

function requireGptqShape(shape: GptqZerosShape): GptqZerosShape {
  const sizes = requireZerosShape(shape, ["version"]);
  const { version } = shape;
  if (version === 1 || version === 2) return { ...sizes, version };
  throw new ArgumentError({
    code: "W4A16_INVALID_VALUE",
    subject: "version",
    expected: "1 (qzeros hold zero − 1) or 2 (qzeros hold the zero)",
    received: describeValue(version),
    fix: 'Look up checkpoint_format in the quantization config: "gptq" is 1, "gptq_v2" is 2.',
  });
}
