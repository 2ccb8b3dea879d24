/**
 * HQQ's packings of a grouped code matrix [rows, cols] (one group to a row when
 * it is quantized along K): the rows are cut into equal slabs, and one element
 * holds the same place of every slab, the first slab in the highest bits.
 *
 * | bits | name    | element | slabs                                      |
 * |------|---------|---------|--------------------------------------------|
 * | 8    | 8bit_u8 | uint8   | 1                                          |
 * | 4    | 4bit_u8 | uint8   | 2                                          |
 * | 3    | 3bit_32 | int32   | 10, the rows padded with zeros to fit      |
 * | 2    | 2bit_u8 | uint8   | 4                                          |
 * | 1    | 1bit_u8 | uint8   | 8                                          |
 */
import { throwCodeOutOfRange } from "./codes.js";
import {
  ArgumentError,
  describeValue,
  requireInstance,
  requireInteger,
  requireLength,
  requireOptions,
} from "./errors.js";

/** The code widths that HQQ packs. */
export type HqqBits = 8 | 4 | 3 | 2 | 1;

/** Shape of a grouped code matrix [rows, cols]. */
export interface HqqShape {
  /** Number of groups: a multiple of the slabs, except at 3 bits, which pads. */
  readonly rows: number;
  /** Elements in a row: the group size. */
  readonly cols: number;
  readonly bits: HqqBits;
}

/** What packs `Bits`-bit codes: bytes, or int32 words at 3 bits. */
export type HqqPacked<Bits extends HqqBits> = Bits extends 3 ? Int32Array : Uint8Array;

const SLABS: Readonly<Record<HqqBits, number>> = { 8: 1, 4: 2, 3: 10, 2: 4, 1: 8 };

/**
 * Packs unsigned codes [rows, cols] the way HQQ does for this bit width.
 *
 * @throws ArgumentError on rows that do not divide into slabs, a wrong length,
 * or a code outside 0..2^bits − 1.
 */
export function packHqq<Bits extends HqqBits>(
  codes: Uint8Array,
  shape: HqqShape & { readonly bits: Bits },
): HqqPacked<Bits>;
export function packHqq(codes: Uint8Array, shape: HqqShape): Uint8Array | Int32Array {
  const { length, step, slabs, bits } = checkShape(shape);
  requireInstance("codes", codes, [Uint8Array]);
  requireLength("codes", codes, length, "[rows, cols]");
  const packed = bits === 3 ? new Int32Array(step) : new Uint8Array(step);
  let seen = 0;
  for (let slab = 0; slab < slabs; slab++) {
    const shift = bits * (slabs - 1 - slab);
    const from = slab * step;
    const count = Math.min(step, length - from);
    for (let i = 0; i < count; i++) {
      const code = codes[from + i]!;
      seen |= code;
      packed[i]! |= code << shift;
    }
  }
  if (seen >> bits) throwCodeOutOfRange(codes, 0, 1 << bits);
  return packed;
}

/** Unpacks what {@link packHqq} packed into codes [rows, cols]; padding rows are dropped. */
export function unpackHqq<Bits extends HqqBits>(
  packed: HqqPacked<Bits>,
  shape: HqqShape & { readonly bits: Bits },
): Uint8Array;
export function unpackHqq(packed: Uint8Array | Int32Array, shape: HqqShape): Uint8Array {
  const { length, step, slabs, bits } = checkShape(shape);
  requireInstance<Uint8Array | Int32Array>("packed", packed, [
    bits === 3 ? Int32Array : Uint8Array,
  ]);
  requireLength("packed", packed, step, "[⌈rows/slabs⌉, cols]");
  const codes = new Uint8Array(length);
  const mask = (1 << bits) - 1;
  for (let slab = 0; slab < slabs; slab++) {
    const shift = bits * (slabs - 1 - slab);
    const to = slab * step;
    const count = Math.min(step, length - to);
    for (let i = 0; i < count; i++) codes[to + i] = (packed[i]! >> shift) & mask;
  }
  return codes;
}

function checkShape(shape: HqqShape) {
  requireOptions("shape", shape, ["rows", "cols", "bits"]);
  const rows = requireInteger("rows", shape.rows, 0);
  const cols = requireInteger("cols", shape.cols, 0);
  const { bits } = shape;
  if (typeof bits !== "number" || !Object.hasOwn(SLABS, bits)) {
    throw new ArgumentError({
      code: "W4A16_INVALID_VALUE",
      subject: "bits",
      expected: "8, 4, 3, 2 or 1",
      received: describeValue(bits),
      fix: "HQQ defines no packing for other widths; store them as 8 bits.",
    });
  }
  const slabs = SLABS[bits];
  if (bits !== 3 && rows % slabs !== 0) {
    throw new ArgumentError({
      code: "W4A16_INVALID_SHAPE",
      subject: "rows",
      expected: `a multiple of ${slabs} groups, ${slabs} to a byte at ${bits} bits`,
      received: String(rows),
      fix: "Choose a group size that gives such a number of groups.",
    });
  }
  return { length: rows * cols, step: Math.ceil(rows / slabs) * cols, slabs, bits };
}
