/**
 * The few moves that make every layout: transpositions of bytes and of 32-bit
 * words, and one permutation of the nibbles within a word.
 */
import { requireInstance, requireInteger, requireLength } from "./errors.js";

/** Tile of a transposition: rows that are read at once, and a stretch of each. */
const TILE_ROWS = 32;
const TILE_COLS = 128;

/** Transposes bytes [rows, cols] into [cols, rows]. */
export function transposeBytes(from: Uint8Array, rows: number, cols: number): Uint8Array {
  requireMatrix(from, Uint8Array, rows, cols);
  return transpose(from, new Uint8Array(from.length), rows, cols);
}

/** Transposes 32-bit words [rows, cols] into [cols, rows]. */
export function transposeWords(from: Uint32Array, rows: number, cols: number): Uint32Array {
  requireMatrix(from, Uint32Array, rows, cols);
  return transpose(from, new Uint32Array(from.length), rows, cols);
}

/** Transposes parameters [rows, cols] into [cols, rows], bit for bit. */
export function transposeFloats(from: Float32Array, rows: number, cols: number): Float32Array {
  requireMatrix(from, Float32Array, rows, cols);
  if (from.length === 0) return new Float32Array(0); // a detached buffer has no view
  const bits = new Uint32Array(from.buffer, from.byteOffset, from.length);
  return new Float32Array(transposeWords(bits, rows, cols).buffer);
}

/** Fills `into` [cols, rows] tile by tile, so that what is read and written stays in the cache. */
function transpose<T extends Uint8Array | Uint32Array>(
  from: T,
  into: T,
  rows: number,
  cols: number,
): T {
  if (into.length === 0) return into; // the other size may be 2^52, with nothing to do
  for (let r0 = 0; r0 < rows; r0 += TILE_ROWS) {
    const r1 = Math.min(rows, r0 + TILE_ROWS);
    for (let c0 = 0; c0 < cols; c0 += TILE_COLS) {
      const c1 = Math.min(cols, c0 + TILE_COLS);
      for (let c = c0; c < c1; c++) {
        let at = c * rows + r0;
        for (let i = r0 * cols + c, end = r1 * cols; i < end; i += cols) into[at++] = from[i]!;
      }
    }
  }
  return into;
}

function requireMatrix<T extends Uint8Array | Uint32Array | Float32Array>(
  from: unknown,
  kind: new (...args: never[]) => T,
  rows: number,
  cols: number,
): void {
  const array = requireInstance("from", from, [kind]);
  const elements = requireInteger("rows", rows, 0) * requireInteger("cols", cols, 0);
  requireLength("from", array, elements, "[rows, cols]");
}

/**
 * Moves nibbles 0 1 2 3 4 5 6 7 of a word to the order 0 2 4 6 1 3 5 7: the even
 * ones to the low half, the odd ones to the high half. In two exchanges:
 * 1 with 2 and 5 with 6, then the two middle bytes.
 */
export function unzipNibbles(word: number): number {
  const pairs = (word ^ (word >>> 4)) & 0x00f000f0;
  const near = word ^ pairs ^ (pairs << 4);
  const middle = (near ^ (near >>> 8)) & 0x0000ff00;
  return near ^ middle ^ (middle << 8);
}

/** The inverse of {@link unzipNibbles}. */
export function zipNibbles(word: number): number {
  const middle = (word ^ (word >>> 8)) & 0x0000ff00;
  const near = word ^ middle ^ (middle << 8);
  const pairs = (near ^ (near >>> 4)) & 0x00f000f0;
  return near ^ pairs ^ (pairs << 4);
}

/**
 * Codes of one signedness as the other: s4 code c and u4 code c + 8 differ in the
 * highest bit of the nibble. Zeros move by 8 with them.
 */
export function flipSigns(packed: Uint8Array): Uint8Array {
  requireInstance("packed", packed, [Uint8Array]);
  const flipped = new Uint8Array(packed.length);
  for (let i = 0; i < packed.length; i++) flipped[i] = packed[i]! ^ 0x88;
  return flipped;
}
