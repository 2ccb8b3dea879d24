/**
 * What every quantizer does with the groups of some rows of a weight, seen as
 * [rows·K/G, G]: first parameters from each group's range, and codes from parameters.
 *
 * Scales are kept inverted while quantizing (code = w · inverseScale + zero), and
 * each operation is rounded to float32, so that codes equal those of the public
 * HQQ quantizer, which works in float32.
 */
import { type DType, roundTo } from "../dtype/dtype.js";
import { ArgumentError } from "../errors.js";

/** Rounds to a whole number, nearest even: at 1.5·2^52 a double has no fraction bits left. */
function roundHalfEven(value: number): number {
  return value + 6755399441055744 - 6755399441055744;
}

/** The code for a scaled weight: rounded to nearest even and clamped. */
export function toCode(scaled: number, lowest: number, highest: number): number {
  return roundHalfEven(scaled < lowest ? lowest : scaled > highest ? highest : scaled);
}

/** Parameters while quantizing, one of each to a group. */
export interface GroupParameters {
  readonly inverseScales: Float32Array;
  readonly zeros: Float32Array;
}

/** Parameters for `groups` groups, all zero. */
function allocateParameters(groups: number): GroupParameters {
  return { inverseScales: new Float32Array(groups), zeros: new Float32Array(groups) };
}

/** Parameters as they are stored. */
export interface KeptParameters extends GroupParameters {
  readonly scales: Float32Array;
}

/**
 * Fitted parameters as numbers of `dtype`.
 *
 * @throws ArgumentError `W4A16_INVALID_VALUE` if one is beyond the type's range, float32's too.
 */
export function keepIn(dtype: DType, { inverseScales, zeros }: GroupParameters): KeptParameters {
  const fitted = inverseScales.map(inverse);
  if (dtype === "float32") {
    requireFinite("scale", fitted);
    requireFinite("zero", zeros);
    return { inverseScales, scales: fitted, zeros };
  }
  const scales = roundWithin(dtype, fitted, "scale");
  return {
    inverseScales: scales.map(inverse),
    scales,
    zeros: roundWithin(dtype, zeros, "zero"),
  };
}

const inverse = (value: number) => 1 / value;

function requireFinite(what: string, values: Float32Array): void {
  const beyond = indexOfNonFinite(values);
  if (beyond < 0) return;
  throw new ArgumentError({
    code: "W4A16_INVALID_VALUE",
    subject: "weight",
    expected: "groups whose scales and zeros float32 holds",
    received: `a group with a ${what} of ${values[beyond]}`,
    fix: "Divide the weight by a power of two first, or use more bits.",
  });
}

function indexOfNonFinite(values: Float32Array): number {
  return values.findIndex((value) => !Number.isFinite(value));
}

function roundWithin(dtype: DType, values: Float32Array, what: string): Float32Array {
  const rounded = roundTo(dtype, values);
  const beyond = indexOfNonFinite(rounded);
  if (beyond < 0) return rounded;
  throw new ArgumentError({
    code: "W4A16_INVALID_VALUE",
    subject: "parameterDType",
    expected: "a type that holds every scale and zero",
    received: `${dtype}, and a ${what} of ${values[beyond]}`,
    fix: "Use bfloat16, or omit parameterDType for float32.",
  });
}

/** The codes a quantizer may give. */
export interface CodeRange {
  readonly lowest: number;
  readonly highest: number;
}

/** Codes of `bits` bits without sign. */
export function unsignedRange(bits: number): CodeRange {
  return { lowest: 0, highest: 2 ** bits - 1 };
}

export const S4_RANGE: CodeRange = { lowest: -8, highest: 7 };

/** What a fit keeps to where a group's weights lie close together. */
export interface FitLimits {
  /** Groups whose range is at most this get scale 1. */
  readonly smallestRange: number;
  readonly largestInverseScale: number;
  /** Largest magnitude of a zero: beyond, the scale grows until the zero fits. */
  readonly largestZero: number;
}

/**
 * Those of the public HQQ quantizer, for equal codes: groups with weights of 1e-4 and less can
 * come back worse than as zeros.
 */
export const HQQ_LIMITS: FitLimits = {
  smallestRange: 1e-4,
  largestInverseScale: 2e4,
  largestZero: Number.POSITIVE_INFINITY,
};

/** Those of parameters kept in `dtype`: scales that it has, and zeros where its range is short. */
export function limitsOf(dtype: DType): FitLimits {
  return dtype === "float16"
    ? // 2^-24 is its smallest number, and a subnormal one: precise enough for a scale that small.
      { smallestRange: 0, largestInverseScale: 2 ** 24, largestZero: 65504 }
    : // 2^-126 is the smallest normal number of both.
      {
        smallestRange: 0,
        largestInverseScale: 2 ** 126,
        largestZero: Number.POSITIVE_INFINITY,
      };
}

/**
 * Asymmetric parameters: the group's smallest and largest weight become the
 * codes 0 and `highest`.
 *
 * @param origin index of weight[0] in the caller's whole weight, for the error.
 * @throws ArgumentError `W4A16_NON_FINITE_WEIGHT`.
 */
export function fitRange(
  weight: Float32Array,
  groupSize: number,
  highest: number,
  roundZero: boolean,
  { smallestRange, largestInverseScale, largestZero }: FitLimits,
  origin: number,
): GroupParameters {
  const parameters = allocateParameters(weight.length / groupSize);
  for (let group = 0, start = 0; start < weight.length; group++, start += groupSize) {
    let min = weight[start]!;
    let max = min;
    let finite = 0;
    for (let i = start; i < start + groupSize; i++) {
      const w = weight[i]!;
      finite += w - w;
      if (w < min) min = w;
      if (w > max) max = w;
    }
    if (finite !== 0) throwNonFinite(weight, start, origin);
    const range = max - min;
    const inverseScale =
      Math.fround(range) <= smallestRange
        ? 1
        : Math.min(
            Math.fround(highest / Math.min(range, Math.fround(range))),
            largestInverseScale,
            Math.fround(largestZero / Math.abs(min)),
          );
    const zero = Math.fround(-min * inverseScale);
    parameters.inverseScales[group] = inverseScale;
    parameters.zeros[group] = roundZero ? roundHalfEven(zero) : zero;
  }
  return parameters;
}

/**
 * Symmetric parameters: zero 0, and a scale that makes ±`highest` reach the
 * group's largest magnitude, so that nothing is clamped.
 *
 * @param origin as in {@link fitRange}.
 * @throws ArgumentError `W4A16_NON_FINITE_WEIGHT`.
 */
export function fitMagnitude(
  weight: Float32Array,
  groupSize: number,
  highest: number,
  { largestInverseScale }: FitLimits,
  origin: number,
): GroupParameters {
  const parameters = allocateParameters(weight.length / groupSize);
  for (let group = 0, start = 0; start < weight.length; group++, start += groupSize) {
    let magnitude = 0;
    let finite = 0;
    for (let i = start; i < start + groupSize; i++) {
      const w = weight[i]!;
      finite += w - w;
      magnitude = Math.max(magnitude, Math.abs(w));
    }
    if (finite !== 0) throwNonFinite(weight, start, origin);
    parameters.inverseScales[group] =
      magnitude === 0 ? 1 : Math.min(Math.fround(highest / magnitude), largestInverseScale);
  }
  return parameters;
}

/** The codes of a weight: round(w · inverseScale + zero), nearest even, clamped, into `codes`. */
export function encodeGroups(
  weight: Float32Array,
  groupSize: number,
  { inverseScales, zeros }: GroupParameters,
  { lowest, highest }: CodeRange,
  codes: Uint8Array | Int8Array,
): void {
  for (let group = 0, i = 0; group < zeros.length; group++) {
    const inverseScale = inverseScales[group]!;
    const zero = zeros[group]!;
    for (const end = i + groupSize; i < end; i++) {
      const scaled = Math.fround(Math.fround(weight[i]! * inverseScale) + zero);
      codes[i] = toCode(scaled, lowest, highest);
    }
  }
}

function throwNonFinite(weight: Float32Array, start: number, origin: number): never {
  let at = start;
  while (Number.isFinite(weight[at])) at++;
  throw new ArgumentError({
    code: "W4A16_NON_FINITE_WEIGHT",
    subject: `weight[${origin + at}]`,
    expected: "a finite number",
    received: String(weight[at]),
    fix: "Find where the weight was damaged; no scale can represent NaN or infinity.",
  });
}
