/**
 * bfloat16: the upper half of a float32 (1 sign, 8 exponent, 7 fraction bits).
 * Values travel as their 16 bits in a `Uint16Array`.
 */
import { requireInteger } from "../errors.js";
import { conversionOutput, requireNumber } from "./conversion.js";
import { roundToOdd } from "./round-to-odd.js";

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** Rounds one number to bfloat16, nearest even; a NaN stays a (quiet) NaN. Returns its bits. */
export function toBFloat16Bits(value: number): number {
  f32[0] = roundToOdd(requireNumber("value", value));
  return roundFloat32Bits(u32[0]!);
}

/** The value of bfloat16 `bits`, exactly. */
export function fromBFloat16Bits(bits: number): number {
  u32[0] = requireInteger("bits", bits, 0, 0xffff) << 16;
  return f32[0]!;
}

/**
 * Rounds an array to bfloat16 bits, nearest even. `out`, as long, may be given to avoid an allocation.
 *
 * @throws ArgumentError on a wrong class or length, and on an `out` that shares memory with `values`.
 */
export function encodeBFloat16(values: Float32Array, out?: Uint16Array): Uint16Array {
  const encoded = conversionOutput(values, Float32Array, out, Uint16Array);
  if (encoded.length === 0) return encoded; // a detached buffer has no view
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) encoded[i] = roundFloat32Bits(bits[i]!);
  return encoded;
}

/**
 * The float32 values of bfloat16 bits, exactly. `out`, as long, may be given to avoid an allocation.
 *
 * @throws ArgumentError on a wrong class or length, and on an `out` that shares memory with `bits`.
 */
export function decodeBFloat16(bits: Uint16Array, out?: Float32Array): Float32Array {
  const decoded = conversionOutput(bits, Uint16Array, out, Float32Array);
  if (decoded.length === 0) return decoded; // as in encodeBFloat16
  const words = new Uint32Array(decoded.buffer, decoded.byteOffset, decoded.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
  return decoded;
}

function roundFloat32Bits(bits: number): number {
  // Adding 0x7fff plus the lowest kept bit carries into the kept half exactly
  // when nearest-even rounds up; a NaN must not carry into infinity.
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}
