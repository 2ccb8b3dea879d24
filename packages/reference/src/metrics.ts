/**
 * How far a computed product is from the exact one: the measures that tests and
 * benchmarks share.
 *
 * @packageDocumentation
 */
import { type DType, requireDType, requireInstance, requireLength } from "@w4a16/core";

type Values = Float32Array | Float64Array;

function requireValues(subject: string, values: unknown): void {
  requireInstance<Values>(subject, values, [Float32Array, Float64Array]);
}

/** Two arrays to compare. */
function requirePair(actual: Values, expected: Values): void {
  requireValues("actual", actual);
  requireValues("expected", expected);
  requireLength("actual", actual, expected.length, "as many as expected");
}

/**
 * ‖actual − expected‖ / ‖expected‖ (Frobenius). Where both elements are the same
 * infinity, or both NaN, they count as equal and are left out of both norms; any
 * other disagreement about a non-finite element makes the result infinite.
 *
 * @throws ArgumentError on arrays of different lengths, or of another class.
 */
export function relativeFrobenius(actual: Values, expected: Values): number {
  requirePair(actual, expected);
  let error = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i++) {
    const e = expected[i]!;
    if (!Number.isFinite(e)) {
      if (!Object.is(actual[i], e)) return Number.POSITIVE_INFINITY;
      continue;
    }
    error += (actual[i]! - e) ** 2;
    norm += e * e;
  }
  if (error === 0) return 0;
  return Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.sqrt(error / norm);
}

/**
 * The size a sum of `reduction` random products has: √reduction · rms(x) · rms(w).
 * The reduction is K forward, N transposed.
 */
export function productScale(reduction: number, x: Values, w: Values): number {
  return Math.sqrt(reduction) * rootMeanSquare(x) * rootMeanSquare(w);
}

/**
 * The largest |actual − expected| in units of `scale`, such as
 * {@link productScale} gives. Unlike a norm it shows a single wrong element, and
 * unlike an element's relative error it bears cancellation.
 *
 * @param roundedTo if given, the most that rounding to this dtype explains is subtracted first.
 * @throws ArgumentError on arrays of different lengths, or of another class.
 */
export function scaledMaxError(
  actual: Values,
  expected: Values,
  scale: number,
  roundedTo?: DType,
): number {
  requirePair(actual, expected);
  if (roundedTo !== undefined) requireDType("roundedTo", roundedTo);
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const a = actual[i]!;
    const e = expected[i]!;
    if (Object.is(a, e)) continue;
    let error = Math.abs(a - e);
    if (roundedTo) error -= halfUlpOf(roundedTo, Math.max(Math.abs(a), Math.abs(e)));
    // A NaN fails this comparison, and must not pass for a small error.
    if (!(error <= largest)) largest = Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
  }
  return largest === 0 ? 0 : largest / scale;
}

/** Precision and range of a format: significant bits, and the exponents of its smallest and largest normal. */
const FORMATS: Record<DType, { bits: number; minExponent: number; maxExponent: number }> = {
  float16: { bits: 11, minExponent: -14, maxExponent: 15 },
  bfloat16: { bits: 8, minExponent: -126, maxExponent: 127 },
  float32: { bits: 24, minExponent: -126, maxExponent: 127 },
};

const f64 = new Float64Array(1);
const words = new Uint32Array(f64.buffer);

/** Half the distance between neighbours of `dtype` at `magnitude`: the largest error of rounding to it. */
export function halfUlp(dtype: DType, magnitude: number): number {
  return halfUlpOf(requireDType("dtype", dtype), magnitude);
}

function halfUlpOf(dtype: DType, magnitude: number): number {
  const { bits, minExponent, maxExponent } = FORMATS[dtype];
  // Exponents are taken from and put into the upper word of a float64, since
  // Math.log2 may be off at a power of two, and this runs for every element.
  // The word is the second one: every platform of Node is little-endian.
  f64[0] = magnitude;
  const exponent = ((words[1]! >>> 20) & 2047) - 1023;
  words[0] = 0;
  words[1] = (Math.min(Math.max(exponent, minExponent), maxExponent) - bits + 1023) << 20;
  return f64[0];
}

/**
 * The largest relative Frobenius error that rounding `expected` to `dtype` can
 * cause: what remains to a device that computes without any other error.
 */
export function roundingBound(dtype: DType, expected: Values): number {
  requireDType("dtype", dtype);
  requireValues("expected", expected);
  let error = 0;
  let norm = 0;
  for (const e of expected) {
    if (!Number.isFinite(e) || e === 0) continue;
    error += halfUlpOf(dtype, Math.abs(e)) ** 2;
    norm += e * e;
  }
  return norm === 0 ? 0 : Math.sqrt(error / norm);
}

/** √(mean of squares). */
export function rootMeanSquare(values: Values): number {
  requireValues("values", values);
  let sum = 0;
  for (const value of values) sum += value * value;
  return values.length === 0 ? 0 : Math.sqrt(sum / values.length);
}
