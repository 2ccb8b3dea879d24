/** Fills the panels of `block.ts` with tiles of x and of dequantized W. */
import type { Int4Weight } from "@w4a16/core";
import { BLOCK_ROWS, block, TILE_DEPTH, TILE_WIDTH } from "./block.js";

/** How (code − zero) · scale is computed: rounded to float32 at each step, as core's `dequantize` does, or not. */
export type Precision = "float32" | "float64";

export const PRECISIONS: readonly Precision[] = ["float32", "float64"];

/** A rectangle of the product's second operand: columns of the output × steps of the reduction. */
export interface Tile {
  readonly col: number;
  readonly cols: number;
  readonly step: number;
  readonly steps: number;
}

/** Dequantizes a tile of W, or of Wᵀ for the transposed product, into `block.w`. */
export type FillTile = (weight: Int4Weight, tile: Tile, precision: Precision) => void;

export interface Panels {
  /** Columns are out-features n, steps are in-features k. */
  readonly fillForward: FillTile;
  /** Columns are in-features k, steps are out-features n. */
  readonly fillTransposed: FillTile;
  /** Packs rows `row`..`row + rows` and steps `step`..`step + steps` of x [M, reduction] into `block.x`. */
  fillRows(
    x: Float64Array,
    reduction: number,
    row: number,
    rows: number,
    step: number,
    steps: number,
  ): void;
}

/** The fills, in a closure whose constants the compiler knows (see `block.ts`). */
export const panels: Panels = /* @__PURE__ */ createPanels();

function createPanels(): Panels {
  const { x: xPanel, w: wPanel } = block;
  const depth = TILE_DEPTH;

  // All 16 values that the codes of one group may stand for, for as many
  // out-features as a tile is wide: the one place that computes W, for both
  // products, and less work than computing each element. There are two tables,
  // for even and for odd groups, because the two nibbles of a byte belong to
  // neighbouring groups where G is odd.
  const features = TILE_WIDTH;
  const half = 16 * features;
  const tables = new Float64Array(2 * half);

  function fillTable(
    weight: Int4Weight,
    group: number,
    feature: number,
    count: number,
    precision: Precision,
  ): void {
    const { scales, zeros, signed } = weight;
    const single = precision === "float32";
    let at = (group & 1) * half;
    const from = group * weight.outFeatures + feature;
    for (let f = from; f < from + count; f++) {
      const zero = zeros[f]!;
      const scale = scales[f]!;
      for (let nibble = 0; nibble < 16; nibble++) {
        const difference = (signed && nibble > 7 ? nibble - 16 : nibble) - zero;
        tables[at++] = single ? Math.fround(Math.fround(difference) * scale) : difference * scale;
      }
    }
  }

  const fillForward: FillTile = (weight, { col, cols, step, steps }, precision) => {
    const { outFeatures: n, groupSize, packed } = weight;
    let ready = Math.floor(step / groupSize) - 1;
    // A tile starts at an even k, and K is even, so that bytes are never split.
    for (let k = 0; k < depth && k < steps; k += 2) {
      const groupLow = Math.floor((step + k) / groupSize);
      const groupHigh = Math.floor((step + k + 1) / groupSize);
      while (ready < groupHigh) fillTable(weight, ++ready, col, cols, precision);
      const low = (groupLow & 1) * half;
      const high = (groupHigh & 1) * half;
      const bytes = ((step + k) / 2) * n + col;
      for (let c = 0; c < features && c < cols; c++) {
        const byte = packed[bytes + c]!;
        const at = c * depth + k;
        wPanel[at] = tables[low + 16 * c + (byte & 15)]!;
        wPanel[at + 1] = tables[high + 16 * c + (byte >> 4)]!;
      }
    }
  };

  const fillTransposed: FillTile = (weight, { col, cols, step, steps }, precision) => {
    const { outFeatures: n, groupSize, packed } = weight;
    for (let start = 0; start < steps; start += features) {
      const count = Math.min(features, steps - start);
      let ready = Math.floor(col / groupSize) - 1;
      for (let c = 0; c < features && c < cols; c += 2) {
        const groupLow = Math.floor((col + c) / groupSize);
        const groupHigh = Math.floor((col + c + 1) / groupSize);
        while (ready < groupHigh) fillTable(weight, ++ready, step + start, count, precision);
        const low = (groupLow & 1) * half;
        const high = (groupHigh & 1) * half;
        const bytes = ((col + c) / 2) * n + step + start;
        const to = c * depth + start;
        for (let f = 0; f < features && f < count; f++) {
          const byte = packed[bytes + f]!;
          wPanel[to + f] = tables[low + 16 * f + (byte & 15)]!;
          wPanel[to + depth + f] = tables[high + 16 * f + (byte >> 4)]!;
        }
        // The block takes two steps at a time: an odd count needs a zero behind it.
        if (count & 1) wPanel[to + count] = wPanel[to + depth + count] = 0;
      }
    }
  };

  function fillRows(
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

  return { fillForward, fillTransposed, fillRows };
}
