/**
 * The innermost loop: a block of 4 rows × 1 column of a product, over panels of
 * fixed size.
 *
 * It is shaped by what V8 makes of it, at about 1.8× the speed of a plain 4×4
 * block. The panels are constants of a closure, so their addresses and lengths
 * are constants of the machine code (exports of a module, or what a bundler
 * turns into `var`, are loaded each time). A panel is seen through several
 * arrays, each one element further into its buffer, so that all loads of a step
 * use one index and share its bounds check. V8 loads every operand of an
 * iteration before it computes: ten operands and four sums fit its 15 registers,
 * where larger blocks spill sums to the stack and wait for them. And float64
 * needs no conversion between operations, as float32 would in JavaScript.
 */

/** Longest part of the reduction a panel holds. Even, since the loop takes two steps at a time. */
export const TILE_DEPTH = 256;
/** Columns of the output for which a tile of W is dequantized. */
export const TILE_WIDTH = 256;
/** Rows of x that are packed at a time. */
export const TILE_ROWS = 16;
/** Rows of a block. */
export const BLOCK_ROWS = 4;

export interface Block {
  /** x in groups of 4 rows: value (row, step) at (row >> 2) · 4 · TILE_DEPTH + 4 · step + (row & 3). */
  readonly x: Float64Array;
  /** W: value (col, step) at col · TILE_DEPTH + step. */
  readonly w: Float64Array;
  /** The result of the last `multiply`, [4]. */
  readonly sums: Float64Array;
  /**
   * sums[r] = Σ x[rowBlock · 4 + r, step] · w[col, step] over `depth` steps; an
   * odd depth reads one more step, which must hold zeros.
   */
  multiply(rowBlock: number, col: number, depth: number): void;
}

/** The one block: nothing runs between filling its panels and reading its sums. */
export const block: Block = /* @__PURE__ */ createBlock();

function createBlock(): Block {
  const xLength = TILE_ROWS * TILE_DEPTH;
  const wLength = TILE_WIDTH * TILE_DEPTH;
  const xBuffer = new ArrayBuffer(8 * (xLength + 7));
  const wBuffer = new ArrayBuffer(8 * (wLength + 1));
  const x0 = new Float64Array(xBuffer, 0, xLength);
  const x1 = new Float64Array(xBuffer, 8, xLength);
  const x2 = new Float64Array(xBuffer, 16, xLength);
  const x3 = new Float64Array(xBuffer, 24, xLength);
  const x4 = new Float64Array(xBuffer, 32, xLength);
  const x5 = new Float64Array(xBuffer, 40, xLength);
  const x6 = new Float64Array(xBuffer, 48, xLength);
  const x7 = new Float64Array(xBuffer, 56, xLength);
  const w0 = new Float64Array(wBuffer, 0, wLength);
  const w1 = new Float64Array(wBuffer, 8, wLength);
  const sums = new Float64Array(BLOCK_ROWS);
  const rowStride = BLOCK_ROWS * TILE_DEPTH;
  const colStride = TILE_DEPTH;

  function multiply(rowBlock: number, col: number, depth: number): void {
    const xStart = (rowBlock * rowStride) | 0;
    const wStart = (col * colStride) | 0;
    const end = depth | 0;
    let s0 = 0;
    let s1 = 0;
    let s2 = 0;
    let s3 = 0;
    for (let step = 0; step < end; step += 2) {
      const i = xStart + 4 * step;
      const j = wStart + step;
      const a = w0[j]!;
      s0 += x0[i]! * a;
      s1 += x1[i]! * a;
      s2 += x2[i]! * a;
      s3 += x3[i]! * a;
      const b = w1[j]!;
      s0 += x4[i]! * b;
      s1 += x5[i]! * b;
      s2 += x6[i]! * b;
      s3 += x7[i]! * b;
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
  }
  return { x: x0, w: w0, sums, multiply };
}
