/**
 * Marlin: int32 words [K/16, 2N], made of tiles of 16 in-features by 64
 * out-features. Lane l of a tile has in-features 2(l & 3) + {0, 1, 8, 9} and, in
 * word j, out-features 16j + (l >> 2) + {0, 8}.
 *
 * So a word is four bytes of row interleave (two rows four apart, of two columns
 * eight apart), with even and odd nibbles taken apart. Codes are unsigned with
 * the one zero 8.
 */
import { requireInstance, requireLength } from "./errors.js";
import { requireLinear, requireMultiple, requireRowInterleave, requireWords } from "./linear.js";
import { unzipNibbles, zipNibbles } from "./primitives.js";
import type { LinearShape } from "./row-interleave.js";
import { requireZerosShape, type ZerosShape } from "./zeros.js";

/** The kernel's tile: smaller weights could be packed, but never run. */
const GRANULARITY = { layout: "Marlin", outFeatures: 256, inFeatures: 128 };

/** Marlin words [K/16, 2N] of row-interleaved bytes [K/2, N] with unsigned codes. */
export function toMarlin(packed: Uint8Array, shape: LinearShape): Int32Array {
  const { n, k } = requireLinear(shape, GRANULARITY);
  requireRowInterleave(packed, n, k);
  const words = new Int32Array((k * n) / 8);
  forEachWord(n, k, (at, from) => {
    words[at] = unzipNibbles(
      packed[from]! |
        (packed[from + 4 * n]! << 8) |
        (packed[from + 8]! << 16) |
        (packed[from + 4 * n + 8]! << 24),
    );
  });
  return words;
}

/** Row-interleaved bytes [K/2, N] of Marlin words [K/16, 2N]. */
export function fromMarlin(words: Int32Array | Uint32Array, shape: LinearShape): Uint8Array {
  const { n, k } = requireLinear(shape, GRANULARITY);
  const checked = requireWords(words, (k * n) / 8, "[inFeatures/16, 2·outFeatures]");
  const packed = new Uint8Array((k / 2) * n);
  forEachWord(n, k, (at, into) => {
    const word = zipNibbles(checked[at]!);
    packed[into] = word;
    packed[into + 4 * n] = word >> 8;
    packed[into + 8] = word >> 16;
    packed[into + 4 * n + 8] = word >> 24;
  });
  return packed;
}

/**
 * Scales in the order the kernel loads them: each 64 columns transposed as 8×8
 * (grouped), or each 32 in fours of pairs (one group to a row).
 */
export function toMarlinScales(scales: Float32Array, shape: ZerosShape): Float32Array {
  return permuteColumns(scales, shape, (source, target, from, into) => {
    into[target] = from[source]!;
  });
}

/** The inverse of {@link toMarlinScales}. */
export function fromMarlinScales(scales: Float32Array, shape: ZerosShape): Float32Array {
  return permuteColumns(scales, shape, (source, target, from, into) => {
    into[source] = from[target]!;
  });
}

function permuteColumns(
  scales: Float32Array,
  shape: ZerosShape,
  move: (source: number, target: number, from: Float32Array, into: Float32Array) => void,
): Float32Array {
  const { groups, outFeatures } = requireZerosShape(shape);
  requireInstance("scales", scales, [Float32Array]);
  requireMultiple("outFeatures", outFeatures, 64, "Marlin");
  requireLength("scales", scales, groups * outFeatures, "[groups, outFeatures]");
  const into = new Float32Array(scales.length);
  for (let i = 0; i < scales.length; i++) {
    const source =
      groups > 1
        ? (i & ~63) + ((i & 63) >> 3) + 8 * (i & 7)
        : (i & ~31) + 2 * ((i & 31) >> 3) + 8 * ((i & 7) >> 1) + (i & 1);
    move(source, i, scales, into);
  }
  return into;
}

/** Calls `visit` with each word's index and its first byte's index in row interleave. */
function forEachWord(n: number, k: number, visit: (word: number, byte: number) => void): void {
  if (n === 0) return; // K may be 2^52, with nothing to do
  for (let at = 0, row = 0; row < k / 2; row += 8) {
    for (let n0 = 0; n0 < n; n0 += 64) {
      for (let lane = 0; lane < 32; lane++) {
        const byte = (row + (lane & 3)) * n + n0 + (lane >> 2);
        for (let j = 0; j < 4; j++) visit(at++, byte + 16 * j);
      }
    }
  }
}
