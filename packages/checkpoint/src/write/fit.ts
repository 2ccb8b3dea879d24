/**
 * Makes a weight what an output format can hold: unsigned codes, smaller groups
 * with repeated parameters, and, only where asked, other codes for zeros that the
 * format does not have.
 */
import {
  ArgumentError,
  dequantize,
  type Int4Weight,
  requireInt4Weight,
  requireName,
} from "@w4a16/core";
import { flipSigns, packLinear, requireWholeZeros } from "@w4a16/packing";
import { clip, inLayer } from "../errors.js";
import { unsupported } from "../linear/fields.js";

/** What an output format asks of a weight. */
export interface Requirements {
  /** The format's name, for errors. */
  readonly format: string;
  /** `false`: codes must be unsigned. Absent: either. */
  readonly signed?: false | undefined;
  /** The one group size it has. Absent: any. */
  readonly groupSize?: number | undefined;
  /** Zeros it has: real numbers, whole ones of 0..15, or 8 only. */
  readonly zeros: "real" | "whole" | "eight";
}

/**
 * The weight as the format can hold it.
 *
 * @param requantize choose new codes where the zeros would be lost otherwise.
 * @throws ArgumentError `W4A16_LOSSY_ZERO`, CheckpointError `W4A16_UNSUPPORTED_FORMAT`.
 */
export function fitWeight(
  name: string,
  weight: Int4Weight,
  { format, signed, groupSize, zeros }: Requirements,
  requantize: boolean,
): Int4Weight {
  let fitted = weight;
  if (signed === false && fitted.signed) fitted = toUnsigned(fitted);
  if (groupSize !== undefined) fitted = splitGroups(name, fitted, groupSize, format);
  if (zeros === "real") return fitted;
  const [lowest, highest] = zeros === "whole" ? [0, 15] : [8, 8];
  return inLayer(name, () => {
    if (requantize) return requantizeWeight(fitted, zeros);
    requireWholeZeros(fitted.zeros, format, lowest, highest);
    return fitted;
  });
}

/** s4 codes as u4, with zeros moved along by 8. */
function toUnsigned(weight: Int4Weight): Int4Weight {
  return {
    ...weight,
    signed: false,
    packed: flipSigns(weight.packed),
    zeros: weight.zeros.map((zero) => zero + 8),
  };
}

/** Checks that groups divide into smaller ones, and gives how many each makes. */
export function requireSplit(name: string, from: number, into: number, format: string): number {
  const copies = from / into;
  if (Number.isInteger(copies)) return copies;
  throw unsupported(
    `layer ${clip(name)}`,
    `a group size that is a multiple of ${into}, as ${format} has it`,
    String(from),
    `Quantize the original with --group-size ${into}.`,
  );
}

/** The same weight in smaller groups, each with the parameters of the group it was in. */
export function splitGroups(
  name: string,
  weight: Int4Weight,
  groupSize: number,
  format: string,
): Int4Weight {
  const copies = requireSplit(name, weight.groupSize, groupSize, format);
  if (copies === 1) return weight;
  const n = weight.outFeatures;
  const repeat = (values: Float32Array) => {
    const repeated = new Float32Array(values.length * copies);
    for (let group = 0; group < repeated.length / n; group++) {
      const source = Math.floor(group / copies) * n;
      repeated.set(values.subarray(source, source + n), group * n);
    }
    return repeated;
  };
  return { ...weight, groupSize, scales: repeat(weight.scales), zeros: repeat(weight.zeros) };
}

/**
 * New codes for whole zeros of 0..15, or for the zero 8, of what the weight
 * dequantizes to. A group that has such a zero already keeps its codes.
 *
 * @throws ArgumentError `W4A16_NON_FINITE_WEIGHT`.
 */
export function requantizeWeight(weight: Int4Weight, zeros: "whole" | "eight"): Int4Weight {
  const { outFeatures: n, inFeatures: k, groupSize } = requireInt4Weight(weight);
  requireName("zeros", zeros, ["whole", "eight"]);
  const [lowest, highest] = zeros === "whole" ? [0, 15] : [8, 8];
  const values = dequantize(weight);
  requireFinite(values);
  const codes = new Uint8Array(n * k);
  const scales = new Float32Array(weight.scales.length);
  const newZeros = new Float32Array(weight.zeros.length);
  for (let row = 0; row < n; row++) {
    for (let group = 0; group < k / groupSize; group++) {
      const start = row * k + group * groupSize;
      const parameter = group * n + row;
      const old = weight.zeros[parameter]!;
      const keeps = Number.isInteger(old) && old >= lowest && old <= highest;
      const part = values.subarray(start, start + groupSize);
      const { scale, zero } = keeps
        ? { scale: weight.scales[parameter]!, zero: old }
        : zeros === "whole"
          ? fitWhole(part)
          : fitEight(part);
      scales[parameter] = scale;
      newZeros[parameter] = zero;
      for (let i = 0; i < groupSize; i++) {
        const code = scale === 0 ? zero : Math.round(part[i]! / scale + zero);
        codes[start + i] = Math.max(0, Math.min(15, code));
      }
    }
  }
  const packed = packLinear(codes, { outFeatures: n, inFeatures: k });
  return { ...weight, signed: false, packed, scales, zeros: newZeros };
}

/** New codes of a NaN or an infinity would be numbers, and nobody would know. */
function requireFinite(values: Float32Array): void {
  const beyond = values.findIndex((value) => !Number.isFinite(value));
  if (beyond < 0) return;
  throw new ArgumentError({
    code: "W4A16_NON_FINITE_WEIGHT",
    subject: `weight[${beyond}]`,
    expected: "a finite number",
    received: String(values[beyond]),
    fix: "Find where the scales or zeros were damaged; no scale can represent NaN or infinity.",
  });
}

/** A range widened to include 0, so that its zero is a code. */
function fitWhole(values: Float32Array): { scale: number; zero: number } {
  let min = 0;
  let max = 0;
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const scale = Math.fround((max - min) / 15);
  return { scale, zero: scale === 0 ? 0 : Math.round(-min / scale) };
}

/** The value farthest from 0, with its sign, becomes code 0, which reaches one step farther than 15. */
function fitEight(values: Float32Array): { scale: number; zero: number } {
  let farthest = 0;
  for (const value of values) if (Math.abs(value) > Math.abs(farthest)) farthest = value;
  return { scale: Math.fround(farthest / -8), zero: 8 };
}
