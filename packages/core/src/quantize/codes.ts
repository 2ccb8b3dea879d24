import { requireBoolean, requireInteger } from "../errors.js";
import { allocateOrThrow } from "../memory.js";
import {
  encodeGroups,
  fitRange,
  type GroupParameters,
  HQQ_LIMITS,
  keepIn,
  unsignedRange,
} from "./groups.js";
import { solveHqq } from "./hqq.js";
import {
  HQQ_OPTIONS,
  type HqqOptions,
  type QuantizeShape,
  requireInput,
  resolveHqq,
} from "./options.js";

/** Options of `quantizeCodes`. */
export interface QuantizeCodesOptions extends QuantizeShape, HqqOptions {
  /** Bits of a code, 1 to 8. Default 4. */
  readonly bits?: number | undefined;
  /** Fit the zeros with HQQ's solver (default), or keep each group's range. */
  readonly optimize?: boolean | undefined;
}

/** Unpacked unsigned codes with their parameters, in the weight's own order. */
export interface QuantizedCodes {
  /** Of a code, 1 to 8. */
  readonly bits: number;
  /** [N, K], 0..2^bits − 1. */
  readonly codes: Uint8Array;
  /** [N, K/G]; w ≈ (code − zero) · scale. */
  readonly scales: Float32Array;
  /** [N, K/G], real numbers. */
  readonly zeros: Float32Array;
}

/**
 * Quantizes a weight [N, K] to unsigned codes of 1 to 8 bits, unpacked: for
 * other layouts and bit widths than those of `quantizeHqq`, whose limits for groups
 * with little range hold here too, with and without `optimize`.
 *
 * @throws ArgumentError on a wrong shape, length, group size or option, on NaN or Inf, and on a
 * scale or zero that its type does not hold.
 * @throws DeviceError `W4A16_OUT_OF_MEMORY` if the runtime cannot allocate the result.
 */
export function quantizeCodes(weight: Float32Array, options: QuantizeCodesOptions): QuantizedCodes {
  const input = requireInput(weight, options, [...HQQ_OPTIONS, "bits", "optimize"]);
  const bits = requireInteger("bits", options.bits ?? 4, 1, 8);
  const settings = resolveHqq(options);
  const range = unsignedRange(bits);
  const { k, groupSize } = input;
  const groups = weight.length / groupSize;
  const result = allocateOrThrow(weight.length + 8 * groups, () => ({
    bits,
    codes: new Uint8Array(weight.length),
    scales: new Float32Array(groups),
    zeros: new Float32Array(groups),
  }));
  const store = (row: number, rows: Float32Array, parameters: GroupParameters) => {
    const kept = keepIn(settings.parameterDType, parameters);
    encodeGroups(rows, groupSize, kept, range, result.codes.subarray(row * k));
    const first = (row * k) / groupSize;
    result.scales.set(kept.scales, first);
    result.zeros.set(kept.zeros, first);
  };
  if (requireBoolean("optimize", options.optimize ?? true)) {
    solveHqq(input, range.highest, settings, (block, parameters) =>
      store(block.row, block.weight, parameters),
    );
  } else {
    store(0, weight, fitRange(weight, groupSize, range.highest, settings.roundZero, HQQ_LIMITS, 0));
  }
  return result;
}
