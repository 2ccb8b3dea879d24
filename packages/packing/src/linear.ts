/** Shape checks shared by the layouts of a linear weight [N, K]. */
import { requirePacked } from "./codes.js";
import {
  ArgumentError,
  requireEvenInFeatures,
  requireInstance,
  requireInteger,
  requireLength,
  requireOptions,
} from "./errors.js";
import type { LinearShape } from "./row-interleave.js";

/** What a layout asks of a shape. */
export interface Granularity {
  /** The layout's name, for errors. */
  readonly layout: string;
  /** N must be a multiple of this. Default 1. */
  readonly outFeatures?: number;
  /** K must be a multiple of this. Default 2. */
  readonly inFeatures?: number;
}

/** Checks N and K against a layout's tiles. `extra` names the options beside them. */
export function requireLinear(
  shape: LinearShape,
  granularity: Granularity,
  extra: readonly string[] = [],
): { n: number; k: number } {
  requireOptions("shape", shape, ["outFeatures", "inFeatures", ...extra]);
  const n = requireInteger("outFeatures", shape.outFeatures, 0);
  const k = requireInteger("inFeatures", shape.inFeatures, 0);
  requireEvenInFeatures(k);
  const { layout } = granularity;
  requireMultiple("outFeatures", n, granularity.outFeatures ?? 1, layout);
  requireMultiple("inFeatures", k, granularity.inFeatures ?? 2, layout);
  return { n, k };
}

/** Checks that a size is a multiple of a layout's tile. Throws `W4A16_INVALID_SHAPE`. */
export function requireMultiple(
  subject: string,
  value: number,
  multiple: number,
  layout: string,
): void {
  if (value % multiple === 0) return;
  throw new ArgumentError({
    code: "W4A16_INVALID_SHAPE",
    subject,
    expected: `a multiple of ${multiple}, as ${layout} is tiled`,
    received: String(value),
    fix: "Choose a layout without tiles, such as row interleave or HQQ's.",
  });
}

/** Checks row-interleaved bytes [K/2, N]. */
export function requireRowInterleave(packed: Uint8Array, n: number, k: number): void {
  requirePacked(packed, (k / 2) * n, "[inFeatures/2, outFeatures]");
}

/** Checks packed words, signed or not, and gives them as signed, without a copy. */
export function requireWords(
  words: Int32Array | Uint32Array,
  length: number,
  shape: string,
): Int32Array {
  requireInstance<Int32Array | Uint32Array>("words", words, [Int32Array, Uint32Array]);
  requireLength("words", words, length, shape);
  if (length === 0) return new Int32Array(0); // a detached buffer has no view
  return new Int32Array(words.buffer, words.byteOffset, words.length);
}

/** Checks parameters [groups, N] or the like. */
export function requireParameters(
  subject: string,
  values: Float32Array,
  length: number,
  shape: string,
): void {
  requireInstance(subject, values, [Float32Array]);
  requireLength(subject, values, length, shape);
}
