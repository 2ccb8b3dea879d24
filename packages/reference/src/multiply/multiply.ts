/** Dequantize a tile, multiply by it, go on to the next: never all of W at once. */
import type { Direction, Int4Weight } from "@w4a16/core";
import { BLOCK_ROWS, block, TILE_DEPTH, TILE_ROWS, TILE_WIDTH } from "./block.js";
import { type Precision, panels } from "./panels.js";

/**
 * x [m, reduction] times the weight, unrounded, [m, width]: reduction is K and
 * width N for "matmul", the other way round for "matmulTransposed". Sums are
 * kept in float64 at either precision. The weight must be well formed.
 */
export function multiply(
  weight: Int4Weight,
  direction: Direction,
  precision: Precision,
  x: Float64Array,
  m: number,
): Float64Array {
  const { outFeatures: n, inFeatures: k } = weight;
  const [reduction, width, fillTile] =
    direction === "matmul" ? [k, n, panels.fillForward] : [n, k, panels.fillTransposed];
  const y = new Float64Array(m * width);
  if (m === 0) return y;
  for (let col = 0; col < width; col += TILE_WIDTH) {
    const cols = Math.min(TILE_WIDTH, width - col);
    for (let step = 0; step < reduction; step += TILE_DEPTH) {
      const steps = Math.min(TILE_DEPTH, reduction - step);
      fillTile(weight, { col, cols, step, steps }, precision);
      for (let row = 0; row < m; row += TILE_ROWS) {
        const rows = Math.min(TILE_ROWS, m - row);
        panels.fillRows(x, reduction, row, rows, step, steps);
        addTile(y, row * width + col, width, rows, cols, steps);
      }
    }
  }
  return y;
}

/** Adds the product of the two panels to y at `at`, rows `stride` apart. */
function addTile(
  y: Float64Array,
  at: number,
  stride: number,
  rows: number,
  cols: number,
  steps: number,
): void {
  for (let c = 0; c < cols; c++) {
    for (let r = 0; r < rows; r += BLOCK_ROWS) {
      // A block over the edge also multiplies rows of whatever the panel holds
      // there; they are left out.
      block.multiply(r / BLOCK_ROWS, c, steps);
      for (let i = 0; i < BLOCK_ROWS && r + i < rows; i++) {
        y[at + (r + i) * stride + c]! += block.sums[i]!;
      }
    }
  }
}
