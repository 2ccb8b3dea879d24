/**
 * Checks a product against float64 before it is timed.
 *
 * Some rows are computed exactly and give the relative error. All rows are
 * covered by a random projection (after R. Freivalds, "Probabilistic machines
 * can use less running time", 1977): for a vector r of random signs, y·r must be
 * x·(Wᵀr), which costs a matrix–vector product and no more. The difference of a
 * row has the size of that row's error: E[(e·r)²] = ‖e‖².
 */
import { type DType, dequantizeRows, type Int4Weight } from "@w4a16/core";
import { exactMatmul, exactMatmulTransposed } from "@w4a16/reference";
import { relativeFrobenius, roundingBound } from "@w4a16/reference/metrics";
import { type Random, seededRandom } from "@w4a16/reference/testing";
import type { Inputs } from "./inputs.js";

/** Rows computed exactly at most. */
const EXACT_ROWS = 64;

/**
 * How many times the bound a row's projected error may be. It is about normally
 * distributed, so that of a million right rows less than one exceeds 6.
 */
const PROJECTION_SLACK = 6;

/** What a check found. */
export interface Check {
  readonly ok: boolean;
  /** Relative Frobenius error over the rows computed exactly. */
  readonly relativeError: number;
  /** The projected error of the worst row of all, relative to a typical row's norm. */
  readonly worstRow: number;
  /** What the relative error was held to. */
  readonly bound: number;
}

export class Oracle {
  /** The rows computed exactly, ascending. */
  readonly rows: readonly number[];
  readonly #signs: Float64Array;
  readonly #expected: Float64Array;
  readonly #projected: Float64Array;

  constructor(
    readonly inputs: Inputs,
    weight: Int4Weight,
  ) {
    const { shape, direction, x, reduction, width } = inputs;
    const random = seededRandom(reduction + width);
    this.rows = sampleRows(shape.m, random);
    const exact = direction === "matmul" ? exactMatmul : exactMatmulTransposed;
    this.#expected = exact(weight, pickRows(x, reduction, this.rows), this.rows.length);
    this.#signs = Float64Array.from({ length: width }, () => (random.bits() & 1 ? 1 : -1));
    this.#projected = multiplyVector(
      x,
      reduction,
      projectWeight(weight, direction === "matmul", this.#signs),
    );
  }

  /**
   * Checks y [m, width].
   *
   * @param tolerance relative error allowed before rounding.
   * @param roundedTo what y was rounded to.
   */
  check(y: Float32Array, tolerance: number, roundedTo: DType): Check {
    const { width } = this.inputs;
    const relativeError = this.relativeError(pickRows(y, width, this.rows));
    const bound = tolerance + roundingBound(roundedTo, this.#expected);
    const norm = Math.sqrt(sumOfSquares(this.#expected) / this.rows.length);
    const actual = multiplyVector(y, width, this.#signs);
    let worst = 0;
    for (let row = 0; row < actual.length; row++) {
      const error = Math.abs(actual[row]! - this.#projected[row]!);
      // A NaN fails the comparison and must not pass for a small error.
      if (!(error <= worst)) worst = Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
    }
    const worstRow = worst / norm;
    const ok = relativeError <= bound && worstRow <= PROJECTION_SLACK * bound;
    return { ok, relativeError, worstRow, bound };
  }

  /** Relative Frobenius error of {@link rows} of a product, [rows, width]. */
  relativeError(y: Float32Array): number {
    return relativeFrobenius(y, this.#expected);
  }
}

/** One random row of each of up to 64 equal parts, so that no tile of rows is left out; the first and last row among them. */
function sampleRows(m: number, random: Random): number[] {
  const count = Math.min(m, EXACT_ROWS);
  return Array.from({ length: count }, (_, i) => {
    const from = Math.floor((i * m) / count);
    const to = Math.floor(((i + 1) * m) / count) - 1;
    if (i === 0) return from;
    return i === count - 1 ? to : random.integer(from, to);
  });
}

/** Wᵀ·r [K] for r [N], or W·r [N] for r [K]. */
function projectWeight(weight: Int4Weight, forward: boolean, r: Float64Array): Float64Array {
  const { outFeatures: n, inFeatures: k } = weight;
  const result = new Float64Array(forward ? k : n);
  const ROWS = 64;
  const block = new Float64Array(ROWS * k);
  for (let n0 = 0; n0 < n; n0 += ROWS) {
    const rows = Math.min(ROWS, n - n0);
    dequantizeRows(weight, n0, n0 + rows, block);
    for (let row = 0; row < rows; row++) {
      const values = block.subarray(row * k, (row + 1) * k);
      if (forward) {
        const sign = r[n0 + row]!;
        for (let c = 0; c < k; c++) result[c]! += sign * values[c]!;
      } else {
        result[n0 + row] = multiplyVector(values, k, r)[0]!;
      }
    }
  }
  return result;
}

/** matrix [rows, cols] · vector [cols], in float64. */
function multiplyVector(
  matrix: Float32Array | Float64Array,
  cols: number,
  vector: Float64Array,
): Float64Array {
  const result = new Float64Array(matrix.length / cols);
  for (let row = 0; row < result.length; row++) {
    let sum = 0;
    for (let c = 0, at = row * cols; c < cols; c++, at++) sum += matrix[at]! * vector[c]!;
    result[row] = sum;
  }
  return result;
}

/** Some rows of a matrix [_, cols]. */
export function pickRows(
  matrix: Float32Array,
  cols: number,
  rows: readonly number[],
): Float32Array {
  const picked = new Float32Array(rows.length * cols);
  rows.forEach((row, i) => {
    picked.set(matrix.subarray(row * cols, (row + 1) * cols), i * cols);
  });
  return picked;
}

function sumOfSquares(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return sum;
}
