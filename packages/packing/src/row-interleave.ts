/**
 * Row interleave, the product's exchange layout (also torchao's for its HQQ
 * kernel): codes of a [rows, cols] matrix as bytes [rows/2, cols], where byte
 * (i, c) holds row 2i in its low nibble and row 2i+1 in its high nibble.
 *
 * u4 codes are 0..15, s4 codes −8..7 in two's complement; the array's type
 * tells which (`Uint8Array` or `Int8Array`).
 */
import {
  allocateCodes,
  CODES,
  type Codes,
  requireCodes,
  requirePacked,
  throwCodeOutOfRange,
} from "./codes.js";
import {
  ArgumentError,
  requireBoolean,
  requireInstance,
  requireInteger,
  requireOptions,
} from "./errors.js";
import { requireLinear, requireRowInterleave } from "./linear.js";

/** Shape of a matrix of codes [rows, cols]. */
export interface MatrixShape {
  /** Number of rows; even, since a byte holds two of them. */
  readonly rows: number;
  readonly cols: number;
}

/** Shape of a linear weight. */
export interface LinearShape {
  /** N, the rows of a linear layer's weight [N, K]. */
  readonly outFeatures: number;
  /** K, even, since a byte holds two neighbours along K. */
  readonly inFeatures: number;
}

/** Which codes the nibbles are unpacked to. */
export interface Signedness {
  /** True: s4, an `Int8Array`. False, the default: u4, a `Uint8Array`. */
  readonly signed?: boolean | undefined;
}

/** Without tiles; K even, as everywhere. */
const GRANULARITY = { layout: "row interleave" };

/** [N, K] tile that keeps both sides of the transposition in the first-level cache. */
const TILE_N = 32;
const TILE_K = 128;

/**
 * Packs codes [rows, cols] into bytes [rows/2, cols].
 *
 * @throws ArgumentError on an odd number of rows, a wrong length, or a code outside its range.
 */
export function packRowInterleave(codes: Codes, shape: MatrixShape): Uint8Array {
  const { rows, cols } = checkMatrix(shape, ["rows", "cols"]);
  const bias = requireCodes(codes, rows * cols, "[rows, cols]");
  const packed = new Uint8Array((rows / 2) * cols);
  let seen = 0;
  for (let at = 0, low = 0; at < packed.length; low += 2 * cols) {
    for (let c = 0; c < cols; c++) {
      const a = codes[low + c]!;
      const b = codes[low + cols + c]!;
      seen |= (a + bias) | (b + bias);
      packed[at++] = (a & 15) | (b << 4);
    }
  }
  if (seen & ~15) throwCodeOutOfRange(codes, bias);
  return packed;
}

/** Unpacks bytes [rows/2, cols] into codes [rows, cols]; the inverse of {@link packRowInterleave}. */
export function unpackRowInterleave<S extends boolean = false>(
  packed: Uint8Array,
  shape: MatrixShape & { readonly signed?: S | undefined },
): S extends true ? Int8Array : Uint8Array;
export function unpackRowInterleave(packed: Uint8Array, shape: MatrixShape & Signedness): Codes {
  const { rows, cols } = checkMatrix(shape, ["rows", "cols", "signed"]);
  requirePacked(packed, (rows / 2) * cols, "[rows/2, cols]");
  const signed = requireBoolean("signed", shape.signed ?? false);
  const { codes, shift } = allocateCodes(rows * cols, signed);
  for (let at = 0, low = 0; at < packed.length; low += 2 * cols) {
    for (let c = 0; c < cols; c++) {
      const byte = packed[at++]!;
      codes[low + c] = ((byte & 15) << shift) >> shift;
      codes[low + cols + c] = ((byte >> 4) << shift) >> shift;
    }
  }
  return codes;
}

/**
 * Packs the codes of a linear weight [N, K] (as `torch.nn.Linear` stores it)
 * into the row interleave of its transpose, bytes [K/2, N], in one pass and
 * without a transposed copy.
 *
 * @throws ArgumentError on odd K, a wrong length, or a code outside its range.
 */
export function packLinear(codes: Codes, shape: LinearShape): Uint8Array {
  const { n, k } = requireLinear(shape, GRANULARITY);
  requireCodes(codes, n * k, "[outFeatures, inFeatures]");
  const packed = new Uint8Array((k / 2) * n);
  packTiles(codes, k, packed, n, 0, n);
  return packed;
}

/**
 * Packs the codes of some rows of a linear weight, [rows, K], into their columns
 * of `packed`, bytes [K/2, N], so that a weight can be made a few rows at a time.
 *
 * @param row the first of the rows, counted in the whole weight.
 * @throws ArgumentError on odd K, a wrong length, rows beyond N, or a code outside its range.
 */
export function packLinearRows(
  codes: Codes,
  shape: LinearShape,
  row: number,
  packed: Uint8Array,
): void {
  const { n, k } = requireLinear(shape, GRANULARITY);
  requireInteger("row", row, 0, n);
  requireRowInterleave(packed, n, k);
  requireInstance<Codes>("codes", codes, CODES);
  const rows = k === 0 ? 0 : Math.min(Math.floor(codes.length / k), n - row);
  requireCodes(codes, rows * k, "[rows, inFeatures], rows within outFeatures");
  packTiles(codes, k, packed, n, row, row + rows);
}

/** Packs codes [row1 − row0, K] into columns `row0` to `row1` of bytes [K/2, N]. */
function packTiles(
  codes: Codes,
  k: number,
  packed: Uint8Array,
  n: number,
  row0: number,
  row1: number,
): void {
  if (codes.length === 0) return; // N may be 2^52, with nothing to do
  const bias = codes instanceof Int8Array ? 8 : 0;
  let seen = 0;
  for (let n0 = row0; n0 < row1; n0 += TILE_N) {
    const first = (n0 - row0) * k;
    const end = (Math.min(row1, n0 + TILE_N) - row0) * k;
    for (let k0 = 0; k0 < k; k0 += TILE_K) {
      const k1 = Math.min(k, k0 + TILE_K);
      for (let col = k0; col < k1; col += 2) {
        let at = (col / 2) * n + n0;
        for (let from = first + col; from < end; from += k) {
          const a = codes[from]!;
          const b = codes[from + 1]!;
          seen |= (a + bias) | (b + bias);
          packed[at++] = (a & 15) | (b << 4);
        }
      }
    }
  }
  if (seen & ~15) throwCodeOutOfRange(codes, bias);
}

/** Unpacks bytes [K/2, N] into codes [N, K]; the inverse of {@link packLinear}. */
export function unpackLinear<S extends boolean = false>(
  packed: Uint8Array,
  shape: LinearShape & { readonly signed?: S | undefined },
): S extends true ? Int8Array : Uint8Array;
export function unpackLinear(packed: Uint8Array, shape: LinearShape & Signedness): Codes {
  const { n, k } = requireLinear(shape, GRANULARITY, ["signed"]);
  requireRowInterleave(packed, n, k);
  const signed = requireBoolean("signed", shape.signed ?? false);
  const { codes, shift } = allocateCodes(n * k, signed);
  if (codes.length === 0) return codes; // N may be 2^52, with nothing to do
  for (let n0 = 0; n0 < n; n0 += TILE_N) {
    const n1 = Math.min(n, n0 + TILE_N);
    for (let k0 = 0; k0 < k; k0 += TILE_K) {
      const k1 = Math.min(k, k0 + TILE_K);
      for (let col = k0; col < k1; col += 2) {
        let at = (col / 2) * n + n0;
        for (let to = n0 * k + col, end = n1 * k; to < end; to += k) {
          const byte = packed[at++]!;
          codes[to] = ((byte & 15) << shift) >> shift;
          codes[to + 1] = ((byte >> 4) << shift) >> shift;
        }
      }
    }
  }
  return codes;
}

function checkMatrix(shape: MatrixShape, known: string[]): { rows: number; cols: number } {
  requireOptions("shape", shape, known);
  const rows = requireInteger("rows", shape.rows, 0);
  const cols = requireInteger("cols", shape.cols, 0);
  if (rows % 2 === 0) return { rows, cols };
  throw new ArgumentError({
    code: "W4A16_INVALID_SHAPE",
    subject: "rows",
    expected: "an even number of rows, two to a byte",
    received: String(rows),
    fix: "Append a row of zero codes, and drop it after unpacking.",
  });
}
