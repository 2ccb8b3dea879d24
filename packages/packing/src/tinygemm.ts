/**
 * tinygemm, PyTorch's `_weight_int4pack_mm` on CUDA: int32 words
 * [N/8, K/(16T), 32, T/2] for T inner k tiles. Lane l of a tile has out-feature
 * l >> 2 and, in word j, the in-features 32j + 2(l & 3) + {0, 8, 16, 24}, the even
 * ones in the low half and their odd neighbours in the high half.
 *
 * So a word is four bytes of a column of row interleave, four rows apart, with
 * even and odd nibbles taken apart.
 */
import {
  ArgumentError,
  describeValue,
  requireInstance,
  requireLength,
  requireOptions,
} from "./errors.js";
import { requireLinear, requireRowInterleave, requireWords } from "./linear.js";
import { unzipNibbles, zipNibbles } from "./primitives.js";
import type { LinearShape } from "./row-interleave.js";
import { biasesToZeros, zerosToBiases } from "./zeros.js";

/** Shape of a linear weight, and of tinygemm's tiles. */
export interface TinygemmShape extends LinearShape {
  /** T: 16-wide tiles along K that lie together. */
  readonly innerKTiles: 2 | 4 | 8;
}

/** tinygemm words [N/8, K/(16T), 32, T/2] of row-interleaved bytes [K/2, N]. */
export function toTinygemm(packed: Uint8Array, shape: TinygemmShape): Int32Array {
  const { n, k, tiles } = checkShape(shape);
  requireRowInterleave(packed, n, k);
  const words = new Int32Array((k * n) / 8);
  forEachWord(n, k, tiles, (at, from) => {
    words[at] = unzipNibbles(
      packed[from]! |
        (packed[from + 4 * n]! << 8) |
        (packed[from + 8 * n]! << 16) |
        (packed[from + 12 * n]! << 24),
    );
  });
  return words;
}

/** Row-interleaved bytes [K/2, N] of tinygemm words. */
export function fromTinygemm(words: Int32Array | Uint32Array, shape: TinygemmShape): Uint8Array {
  const { n, k, tiles } = checkShape(shape);
  const checked = requireWords(words, (k * n) / 8, "[N/8, K/(16·T), 32, T/2]");
  const packed = new Uint8Array((k / 2) * n);
  forEachWord(n, k, tiles, (at, into) => {
    const word = zipNibbles(checked[at]!);
    packed[into] = word;
    packed[into + 4 * n] = word >> 8;
    packed[into + 8 * n] = word >> 16;
    packed[into + 12 * n] = word >> 24;
  });
  return packed;
}

/**
 * tinygemm's parameters [K/G, N, 2] = (scale, (8 − zero)·scale), for
 * (code − 8)·scale + bias; not yet rounded to the bfloat16 it stores.
 */
export function toTinygemmParameters(scales: Float32Array, zeros: Float32Array): Float32Array {
  const biases = zerosToBiases(zeros, scales, 8);
  const pairs = new Float32Array(2 * scales.length);
  for (let i = 0; i < scales.length; i++) {
    pairs[2 * i] = scales[i]!;
    pairs[2 * i + 1] = biases[i]!;
  }
  return pairs;
}

/** Scales and zeros [K/G, N] of tinygemm's parameters [K/G, N, 2]. */
export function fromTinygemmParameters(pairs: Float32Array): {
  scales: Float32Array;
  zeros: Float32Array;
} {
  const { length } = requireInstance("pairs", pairs, [Float32Array]);
  const scales = new Float32Array(Math.floor(length / 2));
  requireLength("pairs", pairs, 2 * scales.length, "[K/G, N, 2]");
  const biases = new Float32Array(scales.length);
  for (let i = 0; i < scales.length; i++) {
    scales[i] = pairs[2 * i]!;
    biases[i] = pairs[2 * i + 1]!;
  }
  return { scales, zeros: biasesToZeros(biases, scales, 8) };
}

/** Calls `visit` with each word's index and its first byte's index in row interleave. */
function forEachWord(
  n: number,
  k: number,
  tiles: number,
  visit: (word: number, byte: number) => void,
): void {
  if (n === 0) return; // K may be 2^52, with nothing to do
  const blocks = k / (16 * tiles);
  const half = tiles / 2;
  for (let block = 0; block < blocks; block++) {
    for (let n0 = 0; n0 < n; n0 += 8) {
      let at = ((n0 / 8) * blocks + block) * 32 * half;
      for (let lane = 0; lane < 32; lane++) {
        const byte = (block * 8 * tiles + (lane & 3)) * n + n0 + (lane >> 2);
        for (let j = 0; j < half; j++) visit(at++, byte + 16 * j * n);
      }
    }
  }
}

function checkShape(shape: TinygemmShape): { n: number; k: number; tiles: number } {
  requireOptions("shape", shape, ["outFeatures", "inFeatures", "innerKTiles"]);
  const tiles = shape.innerKTiles;
  if (![2, 4, 8].includes(tiles)) {
    throw new ArgumentError({
      code: "W4A16_INVALID_VALUE",
      subject: "innerKTiles",
      expected: "2, 4 or 8",
      received: describeValue(tiles),
      fix: "Pass the inner k tiles the kernel was or will be called with; 8 is usual.",
    });
  }
  const layout = `tinygemm with ${tiles} inner k tiles`;
  const granularity = { layout, outFeatures: 8, inFeatures: 16 * tiles };
  return { ...requireLinear(shape, granularity, ["innerKTiles"]), tiles };
}
