/** From the product's int4 weight to the layout of MatMulNBits. */
import type { Int4Weight } from "@w4a16/core";
import { unpackLinear } from "@w4a16/packing";
import type { NBitsWeight } from "./model.js";

/** Real-valued zeros as they are, or rounded to codes, which ONNX Runtime has a faster path for. */
export type ZeroKind = "integer" | "float";

/** Why MatMulNBits cannot hold such a weight, or undefined. */
export function unsupportedByNBits(weight: Int4Weight): string | undefined {
  const { groupSize } = weight;
  if (weight.signed) return "MatMulNBits takes u4 codes";
  const powerOfTwo = (groupSize & (groupSize - 1)) === 0;
  if (groupSize >= 16 && powerOfTwo) return undefined;
  return `MatMulNBits takes group sizes that are powers of two from 16, not ${groupSize}`;
}

const roundedZeros = new WeakMap<Int4Weight, Int4Weight>();

/** The same codes and scales with each zero rounded to a code 0..15: what "integer" zeros compute. */
export function withIntegerZeros(weight: Int4Weight): Int4Weight {
  const known = roundedZeros.get(weight);
  if (known) return known;
  const zeros = weight.zeros.map((zero) => Math.min(15, Math.max(0, Math.round(zero))));
  const result = { ...weight, zeros };
  roundedZeros.set(weight, result);
  return result;
}

/** `weight`, for which {@link unsupportedByNBits} finds nothing, as MatMulNBits holds it. */
export function toNBits(weight: Int4Weight, zeroKind: ZeroKind): NBitsWeight {
  const { outFeatures: n, inFeatures: k, groupSize, packed } = weight;
  const unpacked = unpackLinear(packed, { outFeatures: n, inFeatures: k });
  const codes = new Uint8Array((n * k) / 2);
  for (let i = 0; i < codes.length; i++) codes[i] = unpacked[2 * i]! | (unpacked[2 * i + 1]! << 4);
  const groups = k / groupSize;
  const scales = transpose(weight.scales, groups, n);
  if (zeroKind === "float") {
    return { n, k, groupSize, codes, scales, zeros: transpose(weight.zeros, groups, n) };
  }
  const rounded = transpose(withIntegerZeros(weight).zeros, groups, n);
  const rowBytes = Math.ceil(groups / 2);
  const zeros = new Uint8Array(n * rowBytes);
  for (let row = 0; row < n; row++) {
    for (let group = 0; group < groups; group++) {
      zeros[row * rowBytes + (group >> 1)]! |= rounded[row * groups + group]! << (4 * (group & 1));
    }
  }
  return { n, k, groupSize, codes, scales, zeros };
}

/** [rows, cols] → [cols, rows]. */
export function transpose(matrix: Float32Array, rows: number, cols: number): Float32Array {
  const result = new Float32Array(matrix.length);
  // Tiles keep the lines being read and written in the first-level cache.
  const TILE = 32;
  for (let row0 = 0; row0 < rows; row0 += TILE) {
    const row1 = Math.min(rows, row0 + TILE);
    for (let col0 = 0; col0 < cols; col0 += TILE) {
      const col1 = Math.min(cols, col0 + TILE);
      for (let row = row0; row < row1; row++) {
        for (let col = col0; col < col1; col++) {
          result[col * rows + row] = matrix[row * cols + col]!;
        }
      }
    }
  }
  return result;
}
