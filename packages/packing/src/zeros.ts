/**
 * Zero points in the forms that other formats give them: whole numbers packed
 * eight to a word, or a bias (offset − zero)·scale.
 */
import {
  ArgumentError,
  describeValue,
  requireInstance,
  requireInteger,
  requireOptions,
} from "./errors.js";
import { requireMultiple, requireParameters, requireWords } from "./linear.js";

/** Shape of parameters [groups, N]. */
export interface ZerosShape {
  /** K/G, groups along a row of the weight. */
  readonly groups: number;
  /** N. */
  readonly outFeatures: number;
}

/** Checks that a shape has both sizes, and nothing else but what `extra` names. */
export function requireZerosShape(shape: ZerosShape, extra: readonly string[] = []): ZerosShape {
  requireOptions("shape", shape, ["groups", "outFeatures", ...extra]);
  return {
    groups: requireInteger("groups", shape.groups, 0),
    outFeatures: requireInteger("outFeatures", shape.outFeatures, 0),
  };
}

/**
 * Checks zeros for a format that holds only the whole numbers from `lowest` to `highest`.
 *
 * @param layout the format's name, for the error.
 * @throws ArgumentError `W4A16_LOSSY_ZERO` on the first zero that it does not hold.
 */
export function requireWholeZeros(
  zeros: Float32Array,
  layout: string,
  lowest = 0,
  highest = 15,
): void {
  requireInstance("zeros", zeros, [Float32Array]);
  requireInteger("highest", highest, requireInteger("lowest", lowest, 0));
  for (let i = 0; i < zeros.length; i++) {
    const zero = zeros[i]!;
    if (zero >= lowest && zero <= highest && Number.isInteger(zero)) continue;
    throw new ArgumentError({
      code: "W4A16_LOSSY_ZERO",
      subject: `zeros[${i}]`,
      expected:
        lowest === highest
          ? `${lowest}, the only zero ${layout} has`
          : `a whole number from ${lowest} to ${highest}, all that ${layout} holds`,
      received: String(zero),
      fix: "Convert to a format with real zeros, or ask to requantize, which changes the codes.",
    });
  }
}

/** Packs whole zeros [groups, N] eight to a word, [groups, N/8], zero n in nibble n mod 8. */
export function packZeros(zeros: Float32Array, shape: ZerosShape, layout: string): Int32Array {
  const { groups, outFeatures } = requireZerosShape(shape);
  requireMultiple("outFeatures", outFeatures, 8, layout);
  requireParameters("zeros", zeros, groups * outFeatures, "[groups, outFeatures]");
  requireWholeZeros(zeros, layout);
  const words = new Int32Array(zeros.length / 8);
  for (let i = 0; i < zeros.length; i++) words[i >> 3]! |= zeros[i]! << (4 * (i & 7));
  return words;
}

/**
 * The inverse of {@link packZeros}.
 *
 * @param decode turns a stored word into one as {@link packZeros} makes it; default: they are alike.
 */
export function unpackZeros(
  words: Int32Array | Uint32Array,
  shape: ZerosShape,
  layout: string,
  decode: (word: number, index: number) => number = (word) => word,
): Float32Array {
  const { groups, outFeatures } = requireZerosShape(shape);
  requireMultiple("outFeatures", outFeatures, 8, layout);
  const checked = requireWords(words, (groups * outFeatures) / 8, "[groups, outFeatures/8]");
  const plain = checked.map(decode);
  const zeros = new Float32Array(groups * outFeatures);
  for (let i = 0; i < zeros.length; i++) zeros[i] = (plain[i >> 3]! >>> (4 * (i & 7))) & 15;
  return zeros;
}

/**
 * The biases b = (offset − zero)·scale of formats that compute
 * (code − offset)·scale + b. One rounding, to float32.
 */
export function zerosToBiases(
  zeros: Float32Array,
  scales: Float32Array,
  offset: 0 | 8 = 0,
): Float32Array {
  requireInstance("scales", scales, [Float32Array]);
  requireParameters("zeros", zeros, scales.length, "as many as scales");
  requireOffset(offset);
  const biases = new Float32Array(zeros.length);
  for (let i = 0; i < zeros.length; i++) biases[i] = (offset - zeros[i]!) * scales[i]!;
  return biases;
}

/**
 * The zeros of formats that store biases: offset − b/scale, one rounding to float32.
 *
 * @throws ArgumentError `W4A16_LOSSY_ZERO` where the scale is 0 and the bias is not: a constant
 * that no zero can express.
 */
export function biasesToZeros(
  biases: Float32Array,
  scales: Float32Array,
  offset: 0 | 8 = 0,
): Float32Array {
  requireInstance("scales", scales, [Float32Array]);
  requireParameters("biases", biases, scales.length, "as many as scales");
  requireOffset(offset);
  const zeros = new Float32Array(biases.length);
  for (let i = 0; i < biases.length; i++) {
    if (biases[i] === 0) zeros[i] = offset;
    else if (scales[i] !== 0) zeros[i] = offset - biases[i]! / scales[i]!;
    else throwConstantGroup(i, biases[i]!);
  }
  return zeros;
}

function requireOffset(offset: unknown): void {
  if (offset === 0 || offset === 8) return;
  throw new ArgumentError({
    code: "W4A16_INVALID_VALUE",
    subject: "offset",
    expected: "0, or 8 for formats that subtract 8 from each code",
    received: describeValue(offset),
    fix: "Omit it for 0.",
  });
}

function throwConstantGroup(index: number, bias: number): never {
  throw new ArgumentError({
    code: "W4A16_LOSSY_ZERO",
    subject: `biases[${index}]`,
    expected: "0 where the scale is 0",
    received: String(bias),
    fix: "Give the group a scale other than 0: codes 1 and zero 0 with the bias as scale.",
  });
}
