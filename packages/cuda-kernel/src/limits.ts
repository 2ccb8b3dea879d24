/** Sizes beyond which the kernels' arithmetic does not reach. */
import { ArgumentError, type DType } from "@w4a16/core";

/**
 * The largest N and K of a weight, and the most elements from one row of 16-bit activations to the
 * next. native/kernels/sm80/stage.cuh has two products of 32 bits:
 *
 * - The number of a super-tile, 64 features wide, times its 2048 bytes must stay below 2³¹. Eight
 *   groups of warps take turns at super-tiles, so a number may be up to 7 beyond the last: there
 *   may be 2²⁰ − 8 of them.
 * - Rows that a thread copies are up to 32 apart, of 2 bytes an element: 64 · stride must stay
 *   below 2³², which the same limit ensures.
 */
export const LARGEST_EXTENT = (2 ** 20 - 8) * 64;

/** The most rows of 16-bit activations: rounded up to tiles of up to 256 they are an int too. */
export const MOST_ROWS = 2 ** 31 - 256;

/** cuBLAS takes every size as an int. */
const LARGEST_INT = 2 ** 31 - 1;

/** A matrix operand: its rows, and elements from one to the next. */
interface Operand {
  readonly rows: number;
  readonly rowStride: number;
  readonly dtype: DType;
}

/** Checks N and K, by their names, of a weight for the fused kernels. Throws `W4A16_INVALID_SHAPE`. */
export function requireWeightSize(
  n: number,
  k: number,
  names: readonly [n: string, k: string] = ["outFeatures", "inFeatures"],
): void {
  requireAtMost(names[0], n, LARGEST_EXTENT, PARTS);
  requireAtMost(names[1], k, LARGEST_EXTENT, PARTS);
}

/** Checks the activations of a fused product. Throws `W4A16_INVALID_SHAPE`. */
export function requireFusedSize(subject: string, x: Operand): void {
  if (x.dtype === "float32" || x.rows <= 1) return; // 64 bits throughout; a row without a next
  requireRowCount(`the rows of ${subject}`, x.rows);
  requireAtMost(`${subject}.rowStride`, x.rowStride, LARGEST_EXTENT, COPY);
}

/** Checks a number of rows of 16-bit activations. Throws `W4A16_INVALID_SHAPE`. */
export function requireRowCount(subject: string, rows: number): void {
  requireAtMost(subject, rows, MOST_ROWS, FEWER_ROWS);
}

/** Checks the operands of a product by cuBLAS. Throws `W4A16_INVALID_SHAPE`. */
export function requireDenseSize(subject: string, x: Operand, out: Operand | undefined): void {
  requireAtMost(`the rows of ${subject}`, x.rows, LARGEST_INT, FEWER_ROWS);
  requireAtMost(`${subject}.rowStride`, x.rowStride, LARGEST_INT, COPY);
  if (out) requireAtMost("out.rowStride", out.rowStride, LARGEST_INT, COPY);
}

/** Checks N and K of a dense weight. Throws `W4A16_INVALID_SHAPE`. */
export function requireDenseWeightSize(n: number, k: number): void {
  requireAtMost("n", n, LARGEST_INT, PARTS);
  requireAtMost("k", k, LARGEST_INT, PARTS);
}

const PARTS = "Load parts of the layer as weights of their own.";
const COPY = "Use a tensor whose rows lie closer together.";
const FEWER_ROWS = "Multiply in parts, by views of fewer rows.";

function requireAtMost(subject: string, value: number, most: number, fix: string): void {
  if (value <= most) return;
  throw new ArgumentError({
    code: "W4A16_INVALID_SHAPE",
    subject,
    expected: `at most ${most}`,
    received: String(value),
    fix,
  });
}
