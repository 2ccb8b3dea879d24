/** Worker thread of quantizeHqqAsync: quantizes the blocks of rows it is sent. */
import { parentPort } from "node:worker_threads";
import { ArgumentError } from "../errors.js";
import { allocateInt4Weight, storeBlock } from "./blocks.js";
import { unsignedRange } from "./groups.js";
import type { HqqAnswer, HqqBlock, HqqTask } from "./hqq-protocol.js";
import { solveBlock } from "./hqq-solver.js";

parentPort?.on("message", (task: HqqTask) => {
  const answer = carryOut(task);
  const buffers = "block" in answer ? buffersOf(answer) : [];
  parentPort?.postMessage(answer, buffers);
});

function carryOut({ weight, rows, groupSize, settings, iterations, origin }: HqqTask): HqqAnswer {
  const range = unsignedRange(4);
  try {
    const { parameters, errors } = solveBlock(
      weight,
      groupSize,
      range.highest,
      settings,
      iterations,
      origin,
    );
    const input = { weight, n: rows, k: weight.length / rows, groupSize };
    const block = allocateInt4Weight(input, false);
    storeBlock(block, { row: 0, rows, weight }, parameters, range, settings.parameterDType);
    return { block, errors, weight };
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    const { code, subject, expected, received, fix } = error;
    return { failure: { code, subject, expected, received, fix } };
  }
}

function buffersOf({ block, weight }: HqqBlock): ArrayBuffer[] {
  return [weight, block.packed, block.scales, block.zeros].map(
    ({ buffer }) => buffer as ArrayBuffer,
  );
}
