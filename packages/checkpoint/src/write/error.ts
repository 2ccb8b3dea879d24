/** How far a quantized weight is from the original. */
import { dequantizeRows, type Int4Weight } from "@w4a16/core";

/** Rows dequantized at a time: a megabyte or so. */
const ROWS = 64;

/** How far a quantized weight is from its original W. */
export interface WeightError {
  /** ‖W − dequantized‖ / ‖W‖ (Frobenius). */
  readonly relative: number;
  /** The largest |W − dequantized|. */
  readonly largest: number;
}

/** Compares a weight with float values [N, K], a few rows at a time. */
export function weightError(weight: Int4Weight, original: Float32Array): WeightError {
  const { outFeatures: n, inFeatures: k } = weight;
  const rows = new Float32Array(Math.min(ROWS, n) * k);
  let difference = 0;
  let norm = 0;
  let largest = 0;
  for (let row = 0; row < n; row += ROWS) {
    const end = Math.min(n, row + ROWS);
    dequantizeRows(weight, row, end, rows);
    const base = row * k;
    for (let i = 0, count = (end - row) * k; i < count; i++) {
      const value = original[base + i]!;
      const distance = rows[i]! - value;
      difference += distance * distance;
      norm += value * value;
      // Math.max keeps a NaN.
      largest = Math.max(largest, Math.abs(distance));
    }
  }
  return { relative: difference === 0 ? 0 : Math.sqrt(difference / norm), largest };
}
