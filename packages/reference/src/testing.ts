/**
 * Seeded random activations and weights, for tests, benchmarks and examples.
 *
 * @packageDocumentation
 */
import {
  allocateOrThrow,
  type Int4Weight,
  requireBoolean,
  requireCallback,
  requireFunction,
  requireInteger,
  requireOptions,
  requireWeightShape,
} from "@w4a16/core";

/** Random numbers that depend on nothing but the seed. */
export interface Random {
  /** 32 random bits, as an unsigned integer. */
  bits(): number;
  /** Uniform in [0, 1), a multiple of 2⁻³². */
  uniform(): number;
  /** From the standard normal distribution. */
  normal(): number;
  /** An integer of `from` … `to` inclusive. */
  integer(from: number, to: number): number;
}

/**
 * A generator seeded with a 32-bit integer: sfc32, the 128-bit "small fast
 * counting" generator of C. Doty-Humphrey's PractRand, and Box–Muller for
 * normal numbers.
 */
export function seededRandom(seed: number): Random {
  // PractRand's seeding: seed, fixed words, a counter of 1, then 12 rounds.
  let a = 0;
  let b = seed | 0;
  let c = 0;
  let counter = 1;
  const bits = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let round = 0; round < 12; round++) bits();
  const uniform = () => bits() * 2 ** -32;
  let spare: number | undefined;
  const normal = (): number => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
  const integer = (from: number, to: number) => from + Math.floor(uniform() * (to - from + 1));
  return { bits, uniform, normal, integer };
}

function requireRandom(random: Partial<Random> | null | undefined): void {
  const fix = "Pass what seededRandom gives.";
  for (const name of ["bits", "uniform", "normal", "integer"] as const) {
    requireFunction(`random.${name}`, random?.[name], fix);
  }
}

/** `length` samples of the normal distribution N(mean, deviation²). */
export function randomNormal(
  random: Random,
  length: number,
  mean = 0,
  deviation = 1,
): Float32Array {
  requireRandom(random);
  requireInteger("length", length, 0);
  const values = allocateOrThrow(4 * length, () => new Float32Array(length));
  for (let i = 0; i < length; i++) values[i] = mean + deviation * random.normal();
  return values;
}

export interface RandomWeightOptions {
  /** N */
  readonly outFeatures: number;
  /** K */
  readonly inFeatures: number;
  /** G; default 64, or K if 64 does not divide it. */
  readonly groupSize?: number | undefined;
  /** s4 codes. Default false: u4. */
  readonly signed?: boolean | undefined;
  /** Every code the same, for instance 0 or 15. Default: uniform over all 16. */
  readonly code?: number | undefined;
  /** Scale of (group, n). Default: about 0.01, different everywhere, positive. */
  readonly scale?: ((random: Random) => number) | undefined;
  /** Zero of (group, n). Default: a real number around the middle of the codes. */
  readonly zero?: ((random: Random) => number) | undefined;
}

/** A random weight such as a quantizer makes, or, with the options, such as none would. */
export function randomInt4Weight(random: Random, options: RandomWeightOptions): Int4Weight {
  requireRandom(random);
  requireOptions("options", options, [
    "outFeatures",
    "inFeatures",
    "groupSize",
    "signed",
    "code",
    "scale",
    "zero",
  ]);
  const { inFeatures, code } = options;
  const signed = requireBoolean("signed", options.signed ?? false);
  requireCallback("scale", options.scale);
  requireCallback("zero", options.zero);
  const { n, k, groupSize } = requireWeightShape({
    outFeatures: options.outFeatures,
    inFeatures,
    groupSize: options.groupSize ?? (inFeatures % 64 === 0 ? 64 : inFeatures),
  });
  const bytes = (k / 2) * n;
  const packed = allocateOrThrow(bytes, () => new Uint8Array(bytes));
  if (code === undefined) {
    for (let i = 0; i < packed.length; i++) packed[i] = random.bits() >>> 24;
  } else {
    const nibble = requireInteger("code", code, signed ? -8 : 0, signed ? 7 : 15) & 15;
    packed.fill(nibble * 17);
  }
  const middle = signed ? -0.5 : 7.5;
  const scale = options.scale ?? (() => 0.005 + 0.01 * random.uniform());
  const zero = options.zero ?? (() => middle + random.normal());
  const parameters = (k / groupSize) * n;
  return {
    outFeatures: n,
    inFeatures: k,
    groupSize,
    signed,
    packed,
    scales: Float32Array.from({ length: parameters }, () => scale(random)),
    zeros: Float32Array.from({ length: parameters }, () => zero(random)),
  };
}
