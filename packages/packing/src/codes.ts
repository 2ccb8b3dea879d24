/** Arrays of 4-bit codes, one to an element: u4 in a `Uint8Array`, s4 in an `Int8Array`. */
import { ArgumentError, describeValue, requireInstance, requireLength } from "./errors.js";

/** Codes, one per element: unsigned u4 (0..15) or signed s4 (−8..7). */
export type Codes = Uint8Array | Int8Array;

/** The classes of {@link Codes}. */
export const CODES = [Uint8Array, Int8Array];

/**
 * Checks the class and length of `codes` and gives the bias that moves a legal
 * code to 0..15, so that packing can test the range of all codes with one OR each.
 */
export function requireCodes(codes: Codes, length: number, shape: string): 0 | 8 {
  requireInstance<Codes>("codes", codes, CODES);
  requireLength("codes", codes, length, shape);
  return codes instanceof Int8Array ? 8 : 0;
}

/** Reports the first code whose biased value is outside 0..`levels` − 1. */
export function throwCodeOutOfRange(codes: ArrayLike<number>, bias: number, levels = 16): never {
  let at = 0;
  while (codes[at]! + bias >= 0 && codes[at]! + bias < levels) at++;
  throw new ArgumentError({
    code: "W4A16_CODE_OUT_OF_RANGE",
    subject: `codes[${at}]`,
    expected: `a code from ${-bias} to ${levels - 1 - bias}`,
    received: describeValue(codes[at]),
    fix:
      bias === 0 && levels === 16
        ? "Clamp the codes, or pass signed s4 codes as an Int8Array."
        : "Clamp the codes to their range.",
  });
}

/** Checks the class and length of packed bytes. */
export function requirePacked(packed: Uint8Array, length: number, shape: string): void {
  requireInstance("packed", packed, [Uint8Array]);
  requireLength("packed", packed, length, shape);
}

/**
 * New codes, and the left-then-right shift that turns a nibble into a code:
 * 28 extends the sign of an s4 nibble, 0 leaves a u4 nibble as it is.
 */
export function allocateCodes(length: number, signed: boolean): { codes: Codes; shift: 0 | 28 } {
  return signed
    ? { codes: new Int8Array(length), shift: 28 }
    : { codes: new Uint8Array(length), shift: 0 };
}
