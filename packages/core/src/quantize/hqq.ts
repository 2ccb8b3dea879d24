import type { Int4Weight } from "../weight.js";
import { allocateInt4Weight, type Block, blocksOf, storeBlock } from "./blocks.js";
import { type GroupParameters, unsignedRange } from "./groups.js";
import { solveBlock, stopIteration } from "./hqq-solver.js";
import {
  HQQ_OPTIONS,
  type HqqOptions,
  type HqqSettings,
  type QuantizeInput,
  type QuantizeShape,
  requireInput,
  resolveHqq,
} from "./options.js";

/**
 * Quantizes a weight [N, K] to u4 with real-valued zeros by HQQ: no data, only
 * the weight. The codes equal those of the public HQQ quantizer in float32
 * (its default solver, groups along K).
 *
 * So its limits hold too: a group whose largest and smallest weight are at most 1e-4
 * apart gets scale 1, and no scale is below 1/20000. Weights that small all through
 * come back poorly, even as zeros: `quantizeMinMax` has no such limits.
 *
 * Blocks the calling thread (about 0.8 s for 4096×4096 of trained weights, four times as long
 * for values around 1, whose error falls for longer); see
 * `quantizeHqqAsync` for worker threads, progress and aborting.
 *
 * @param weight float32 values [N, K], all finite.
 * @throws ArgumentError on a wrong shape, length, group size or option, on NaN or Inf, and on a
 * scale or zero that its type does not hold.
 * @throws DeviceError `W4A16_OUT_OF_MEMORY` if the runtime cannot allocate the result.
 */
export function quantizeHqq(weight: Float32Array, options: QuantizeShape & HqqOptions): Int4Weight {
  const input = requireInput(weight, options, HQQ_OPTIONS);
  const range = unsignedRange(4);
  const result = allocateInt4Weight(input, false);
  const settings = resolveHqq(options);
  solveHqq(input, range.highest, settings, (block, parameters) =>
    storeBlock(result, block, parameters, range, settings.parameterDType),
  );
  return result;
}

/**
 * Fits the parameters of all blocks of a weight for codes 0..`highest` and gives
 * them to `store`; twice, when the early stop turns out to lie before the end.
 */
export function solveHqq(
  input: QuantizeInput,
  highest: number,
  settings: HqqSettings,
  store: (block: Block, parameters: GroupParameters) => void,
): void {
  const blocks = blocksOf(input);
  const pass = (iterations: number) =>
    blocks.map((block) => {
      const { weight, row } = block;
      const origin = row * input.k;
      const solution = solveBlock(weight, input.groupSize, highest, settings, iterations, origin);
      store(block, solution.parameters);
      return solution.errors;
    });
  const histories = pass(settings.iterations);
  const stop = stopIteration(histories, settings, input.weight.length);
  if (histories.some((errors) => errors.length > stop)) pass(stop);
}
