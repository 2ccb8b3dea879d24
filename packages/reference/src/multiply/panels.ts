/** Fills the panels of `block.ts` with tiles of x and of dequantized W. */
import type { Int4Weight } from "@w4a16/core";
import { BLOCK_COLS, BLOCK_ROWS, block, TILE_DEPTH } from "./block.js";

/** How (code − zero) · scale is computed: rounded to float32 at each step, as core's `dequantize` does, or not. */
export type Precision = "float32" | "float64";

/** A rectangle of the product's second operand: columns of the output × steps of the reduction. */
export interface Tile {
  readonly col: number;
  readonly cols: number;
  readonly step: number;
  readonly steps: number;
}

/** Dequantizes a tile of W, or of Wᵀ for the transposed product, into `block.w`. */
export type FillTile = (weight: Int4Weight, tile: Tile, precision: Precision) => void;

const { x: xPanel, w: wPanel } = block;
const PAIR = BLOCK_COLS * TILE_DEPTH;

// The formula of core's dequantize appears here twice more: a row-major tile
// that is reordered afterwards would double the cost of this step, which is
// a third of a product at M = 16. A test holds all three to the same bits.

/** Columns are out-features n, steps are in-features k. */
export const fillForward: FillTile = (weight, tile, precision) => {
  const { outFeatures: n, groupSize, packed, scales, zeros } = weight;
  const { col, cols, step, steps } = tile;
  const shift = weight.signed ? 28 : 0;
  const single = precision === "float32";
  // A tile starts at an even k, and K is even, so that bytes are never split.
  for (let k = 0; k < steps; k += 2) {
    const bytes = ((step + k) / 2) * n + col;
    const low = Math.floor((step + k) / groupSize) * n + col;
    const high = Math.floor((step + k + 1) / groupSize) * n + col;
    for (let c = 0; c < cols; c++) {
      const byte = packed[bytes + c]!;
      const at = (c >> 1) * PAIR + 2 * k + (c & 1);
      const a = (((byte & 15) << shift) >> shift) - zeros[low + c]!;
      const b = (((byte >> 4) << shift) >> shift) - zeros[high + c]!;
      if (single) {
        wPanel[at] = Math.fround(Math.fround(a) * scales[low + c]!);
        wPanel[at + 2] = Math.fround(Math.fround(b) * scales[high + c]!);
      } else {
        wPanel[at] = a * scales[low + c]!;
        wPanel[at + 2] = b * scales[high + c]!;
      }
    }
  }
};

/** Columns are in-features k, steps are out-features n. */
export const fillTransposed: FillTile = (weight, tile, precision) => {
  const { outFeatures: n, groupSize, packed, scales, zeros } = weight;
  const { col, cols, step, steps } = tile;
  const shift = weight.signed ? 28 : 0;
  const single = precision === "float32";
  for (let c = 0; c < cols; c += 2) {
    const bytes = ((col + c) / 2) * n + step;
    const low = Math.floor((col + c) / groupSize) * n + step;
    const high = Math.floor((col + c + 1) / groupSize) * n + step;
    let at = (c >> 1) * PAIR;
    for (let r = 0; r < steps; r++, at += 2) {
      const byte = packed[bytes + r]!;
      const a = (((byte & 15) << shift) >> shift) - zeros[low + r]!;
      const b = (((byte >> 4) << shift) >> shift) - zeros[high + r]!;
      if (single) {
        wPanel[at] = Math.fround(Math.fround(a) * scales[low + r]!);
        wPanel[at + 1] = Math.fround(Math.fround(b) * scales[high + r]!);
      } else {
        wPanel[at] = a * scales[low + r]!;
        wPanel[at + 1] = b * scales[high + r]!;
      }
    }
    // The block multiplies two steps at a time: an odd count needs a zero behind it.
    if (steps & 1) wPanel[at] = wPanel[at + 1] = 0;
  }
};

/** Packs rows `row`..`row + rows` and steps `step`..`step + steps` of x [M, reduction] into `block.x`. */
export function fillRows(
  x: Float64Array,
  reduction: number,
  row: number,
  rows: number,
  step: number,
  steps: number,
): void {
  for (let r = 0; r < rows; r++) {
    let at = (r & ~3) * TILE_DEPTH + (r & 3);
    const from = (row + r) * reduction + step;
    for (let s = 0; s < steps; s++, at += BLOCK_ROWS) xPanel[at] = x[from + s]!;
    if (steps & 1) xPanel[at] = 0;
  }
}
