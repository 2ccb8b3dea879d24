/**
 * ONNX `com.microsoft.MatMulNBits`: bytes [N, ⌈K/B⌉, B/2] for blocks of B, even
 * in-features in the low nibble; scales [N, ⌈K/B⌉]; zero points as bytes
 * [N, ⌈⌈K/B⌉/2⌉], the even block in the low nibble, or as floats [N, ⌈K/B⌉].
 *
 * Without padding the bytes are the byte transpose of row interleave, as MLX's are.
 */
import { requireInstance, requireInteger, requireLength } from "./errors.js";
import {
  requireLinear,
  requireMultiple,
  requireParameters,
  requireRowInterleave,
} from "./linear.js";
import { transposeBytes } from "./primitives.js";
import type { LinearShape } from "./row-interleave.js";
import { requireWholeZeros, requireZerosShape, type ZerosShape } from "./zeros.js";

/** Far above what any kernel takes; the last block is padded to its full size. */
const MAX_BLOCK = 2 ** 16;

/** Shape of a linear weight, and its blocks. */
export interface OnnxShape extends LinearShape {
  /** B, in-features to a block; even. The operator wants a power of two ≥ 16. */
  readonly blockSize: number;
}

/** ONNX bytes [N, ⌈K/B⌉, B/2] of row-interleaved bytes [K/2, N]; the last block is padded with 0. */
export function toOnnx(packed: Uint8Array, shape: OnnxShape): Uint8Array {
  const { n, k, bytesPerRow } = checkShape(shape);
  requireRowInterleave(packed, n, k);
  const rows = transposeBytes(packed, k / 2, n);
  if (bytesPerRow === k / 2) return rows;
  const padded = new Uint8Array(n * bytesPerRow);
  for (let row = 0; row < n; row++) {
    padded.set(rows.subarray((row * k) / 2, ((row + 1) * k) / 2), row * bytesPerRow);
  }
  return padded;
}

/** Row-interleaved bytes [K/2, N] of ONNX bytes [N, ⌈K/B⌉, B/2]; padding is dropped. */
export function fromOnnx(bytes: Uint8Array, shape: OnnxShape): Uint8Array {
  const { n, k, bytesPerRow } = checkShape(shape);
  requireInstance("bytes", bytes, [Uint8Array]);
  requireLength("bytes", bytes, n * bytesPerRow, "[outFeatures, ⌈inFeatures/B⌉, B/2]");
  return transposeBytes(bytes, n, bytesPerRow).subarray(0, (k / 2) * n);
}

/**
 * Zero points [N, ⌈groups/2⌉] as bytes, of zeros [groups, N].
 *
 * @throws ArgumentError `W4A16_LOSSY_ZERO` on a zero that is not whole or not in
 * 0..15: such zeros go into the float form, `transposeFloats(zeros, groups, N)`.
 */
export function toOnnxZeroPoints(zeros: Float32Array, shape: ZerosShape): Uint8Array {
  const { groups, outFeatures: n } = requireZerosShape(shape);
  requireParameters("zeros", zeros, groups * n, "[groups, outFeatures]");
  requireWholeZeros(zeros, "an ONNX integer zero point");
  const bytesPerRow = Math.ceil(groups / 2);
  const bytes = new Uint8Array(n * bytesPerRow);
  if (zeros.length === 0) return bytes; // groups may be 2^52, with nothing to do
  for (let i = 0, group = 0; group < groups; group++) {
    for (let row = 0; row < n; row++) {
      bytes[row * bytesPerRow + (group >> 1)]! |= zeros[i++]! << (4 * (group & 1));
    }
  }
  return bytes;
}

/** Zeros [groups, N] of zero points [N, ⌈groups/2⌉]. */
export function fromOnnxZeroPoints(bytes: Uint8Array, shape: ZerosShape): Float32Array {
  const { groups, outFeatures: n } = requireZerosShape(shape);
  const bytesPerRow = Math.ceil(groups / 2);
  requireInstance("bytes", bytes, [Uint8Array]);
  requireLength("bytes", bytes, n * bytesPerRow, "[outFeatures, ⌈groups/2⌉]");
  const zeros = new Float32Array(groups * n);
  if (zeros.length === 0) return zeros; // as in toOnnxZeroPoints
  for (let i = 0, group = 0; group < groups; group++) {
    for (let row = 0; row < n; row++) {
      zeros[i++] = (bytes[row * bytesPerRow + (group >> 1)]! >> (4 * (group & 1))) & 15;
    }
  }
  return zeros;
}

function checkShape(shape: OnnxShape): { n: number; k: number; bytesPerRow: number } {
  const { n, k } = requireLinear(shape, { layout: "ONNX" }, ["blockSize"]);
  const blockSize = requireInteger("blockSize", shape.blockSize, 2, MAX_BLOCK);
  requireMultiple("blockSize", blockSize, 2, "ONNX");
  return { n, k, bytesPerRow: (Math.ceil(k / blockSize) * blockSize) / 2 };
}
