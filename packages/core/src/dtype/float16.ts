/**
 * IEEE 754 binary16 (1 sign, 5 exponent, 10 fraction bits). Values travel as
 * their 16 bits in a `Uint16Array`, or in a `Float16Array` where the runtime has it.
 */
import { requireInteger } from "../errors.js";
import { conversionOutput, requireNumber } from "./conversion.js";
import { roundToOdd } from "./round-to-odd.js";

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** float32 bits of 65536 = 2^16, from which on every finite value rounds to infinity. */
const OVERFLOW = 0x47800000;
/** float32 bits of 2^-14, the smallest normal float16. */
const SMALLEST_NORMAL = 0x38800000;
/** float32 bits of 0.5, whose unit in the last place, 2^-24, is the float16 subnormal step. */
const HALF = 0x3f000000;
/** Moves a float32 exponent (bias 127) to a float16 one (bias 15), at float32's place. */
const REBIAS = (127 - 15) << 23;

/** Rounds one number to float16, nearest even, overflow to infinity. Returns its bits. */
export function toFloat16Bits(value: number): number {
  f32[0] = roundToOdd(requireNumber("value", value));
  return roundFloat32Bits(u32[0]!);
}

/** The value of float16 `bits`, exactly. */
export function fromFloat16Bits(bits: number): number {
  return decodeTable()[requireInteger("bits", bits, 0, 0xffff)]!;
}

/**
 * Rounds an array to float16 bits, nearest even. `out`, as long, may be given to avoid an allocation.
 *
 * @throws ArgumentError on a wrong class or length, and on an `out` that shares memory with `values`.
 */
export function encodeFloat16(values: Float32Array, out?: Uint16Array): Uint16Array {
  const encoded = conversionOutput(values, Float32Array, out, Uint16Array);
  if (encoded.length === 0) return encoded; // a detached buffer has no view
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) encoded[i] = roundFloat32Bits(bits[i]!);
  return encoded;
}

/**
 * The float32 values of float16 bits, exactly. `out`, as long, may be given to avoid an allocation.
 *
 * @throws ArgumentError on a wrong class or length, and on an `out` that shares memory with `bits`.
 */
export function decodeFloat16(bits: Uint16Array, out?: Float32Array): Float32Array {
  const decoded = conversionOutput(bits, Uint16Array, out, Float32Array);
  const table = decodeTable();
  for (let i = 0; i < bits.length; i++) decoded[i] = table[bits[i]!]!;
  return decoded;
}

function roundFloat32Bits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude >= OVERFLOW) {
    if (magnitude <= 0x7f800000) return sign | 0x7c00;
    // A NaN keeps the top of its payload and becomes quiet.
    return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff);
  }
  if (magnitude < SMALLEST_NORMAL) {
    // The float32 addition aligns the value to the subnormal step and rounds it.
    u32[0] = magnitude;
    f32[0] = f32[0]! + 0.5;
    return sign | (u32[0]! - HALF);
  }
  return sign | ((magnitude - REBIAS + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
}

let table: Float32Array | undefined;

/** All 65,536 values: one load is several times faster than taking the bits apart. */
function decodeTable(): Float32Array {
  if (table) return table;
  table = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >>> 10) & 31;
    const fraction = bits & 0x3ff;
    const magnitude =
      exponent === 31
        ? fraction === 0
          ? Number.POSITIVE_INFINITY
          : Number.NaN
        : exponent === 0
          ? fraction * 2 ** -24
          : (1024 + fraction) * 2 ** (exponent - 25);
    table[bits] = bits & 0x8000 ? -magnitude : magnitude;
  }
  return table;
}
