import { requireBoolean } from "../errors.js";
import type { Int4Weight } from "../weight.js";
import { allocateInt4Weight, blocksOf, storeBlock } from "./blocks.js";
import { fitMagnitude, fitRange, limitsOf, S4_RANGE, unsignedRange } from "./groups.js";
import {
  type ParameterOptions,
  type QuantizeShape,
  requireInput,
  resolveParameterDType,
} from "./options.js";

/** Options of `quantizeMinMax`. */
export interface MinMaxOptions extends QuantizeShape, ParameterOptions {
  /** True: s4 codes −7..7 and zero 0. False, the default: u4 codes 0..15 and a real zero. */
  readonly symmetric?: boolean | undefined;
  /** Round the zeros to whole codes, for formats that hold only such. Default false. */
  readonly roundZero?: boolean | undefined;
}

/**
 * Quantizes a weight [N, K] by rounding to nearest: each group's range
 * (asymmetric) or largest magnitude (symmetric) is spread over the codes.
 *
 * @param weight float32 values [N, K], all finite.
 * @throws ArgumentError on a wrong shape, length, group size or option, on NaN or Inf, and on a
 * scale or zero that its type does not hold.
 * @throws DeviceError `W4A16_OUT_OF_MEMORY` if the runtime cannot allocate the result.
 */
export function quantizeMinMax(weight: Float32Array, options: MinMaxOptions): Int4Weight {
  const input = requireInput(weight, options, ["symmetric", "roundZero", "parameterDType"]);
  const symmetric = requireBoolean("symmetric", options.symmetric ?? false);
  const roundZero = requireBoolean("roundZero", options.roundZero ?? false);
  const parameterDType = resolveParameterDType(options);
  const range = symmetric ? S4_RANGE : unsignedRange(4);
  const limits = limitsOf(parameterDType);
  const result = allocateInt4Weight(input, symmetric);
  for (const block of blocksOf(input)) {
    const origin = block.row * input.k;
    const parameters = symmetric
      ? fitMagnitude(block.weight, input.groupSize, range.highest, limits, origin)
      : fitRange(block.weight, input.groupSize, range.highest, roundZero, limits, origin);
    storeBlock(result, block, parameters, range, parameterDType);
  }
  return result;
}
