/** Options of the quantizers, their defaults and their checks. */

import { type DType, requireDType } from "../dtype/dtype.js";
import {
  ArgumentError,
  describeValue,
  requireBoolean,
  requireInstance,
  requireInteger,
  requireLength,
  requireOptions,
} from "../errors.js";
import { requireWeightShape } from "../weight.js";

/** Shape of the weight to quantize. */
export interface QuantizeShape {
  /** N, rows of the weight. */
  readonly outFeatures: number;
  /** K, columns of the weight; even. */
  readonly inFeatures: number;
  /** G, in-features that share a scale and a zero; divides K. Default 64. */
  readonly groupSize?: number | undefined;
}

/** What the quantizers' scales and zeros are kept in. */
export interface ParameterOptions {
  /**
   * Every scale and zero is a number of this type, and codes are chosen for it: nothing is
   * rounded when the weight is stored or loaded in that type, and a Hopper GPU multiplies
   * activations of that type faster. Default float32.
   */
  readonly parameterDType?: DType | undefined;
}

/**
 * Options of the half-quadratic solver. It minimizes Σ|w − (q − z)·s|^p over the
 * zeros z, after Badri and Shaji, "Half-Quadratic Quantization of Large Machine
 * Learning Models" (2023).
 */
export interface HqqOptions extends ParameterOptions {
  /** p of the norm, 0 < p ≤ 1: smaller weighs outliers less. Default 0.7. */
  readonly lpNorm?: number | undefined;
  /** Initial weight of the quadratic penalty, > 0. Default 10. */
  readonly beta?: number | undefined;
  /** Factor on beta after each iteration, > 0. Default 1.01. */
  readonly kappa?: number | undefined;
  /** Most iterations to run, up to 10,000. Default 20. */
  readonly iterations?: number | undefined;
  /** Stop when the mean error of the whole matrix no longer falls. Default true. */
  readonly earlyStop?: boolean | undefined;
  /** Start from zeros rounded to whole codes (the solver moves them again). Default false. */
  readonly roundZero?: boolean | undefined;
}

/** A weight [N, K] to quantize, checked. */
export interface QuantizeInput {
  readonly weight: Float32Array;
  readonly n: number;
  readonly k: number;
  readonly groupSize: number;
}

/** {@link HqqOptions} with every default filled in. */
export type HqqSettings = { readonly [Name in keyof HqqOptions]-?: NonNullable<HqqOptions[Name]> };

/** Groups may go on alternating between two zeros, so that only this ends some weights. */
const MAX_ITERATIONS = 10_000;

const SHAPE_OPTIONS = ["outFeatures", "inFeatures", "groupSize"];
export const HQQ_OPTIONS = [
  "lpNorm",
  "beta",
  "kappa",
  "iterations",
  "earlyStop",
  "roundZero",
  "parameterDType",
];

/** Checks option names, the shape and the weight's class and length. */
export function requireInput(
  weight: Float32Array,
  options: QuantizeShape,
  known: readonly string[],
): QuantizeInput {
  requireOptions("options", options, [...SHAPE_OPTIONS, ...known]);
  const { outFeatures, inFeatures, groupSize = 64 } = options;
  const shape = requireWeightShape({ outFeatures, inFeatures, groupSize });
  requireInstance("weight", weight, [Float32Array]);
  requireLength("weight", weight, shape.n * shape.k, "[outFeatures, inFeatures]");
  return { weight, ...shape };
}

/** Fills in and checks the solver's options. */
export function resolveHqq(options: HqqOptions): HqqSettings {
  return {
    lpNorm: requireAbove("lpNorm", options.lpNorm ?? 0.7, 0, 1),
    beta: requireAbove("beta", options.beta ?? 10, 0, Number.MAX_VALUE),
    kappa: requireAbove("kappa", options.kappa ?? 1.01, 0, Number.MAX_VALUE),
    iterations: requireInteger("iterations", options.iterations ?? 20, 0, MAX_ITERATIONS),
    earlyStop: requireBoolean("earlyStop", options.earlyStop ?? true),
    roundZero: requireBoolean("roundZero", options.roundZero ?? false),
    parameterDType: resolveParameterDType(options),
  };
}

/** The default filled in and checked. */
export function resolveParameterDType({ parameterDType }: ParameterOptions): DType {
  return requireDType("parameterDType", parameterDType ?? "float32");
}

function requireAbove(subject: string, value: unknown, above: number, most: number): number {
  if (typeof value === "number" && value > above && value <= most) return value;
  const bound = most === Number.MAX_VALUE ? "" : ` and at most ${most}`;
  throw new ArgumentError({
    code: "W4A16_INVALID_VALUE",
    subject,
    expected: `a number above ${above}${bound}`,
    received: describeValue(value),
    fix: `Omit ${subject} for its default.`,
  });
}
