/** What quantizeHqqAsync and its worker threads say to each other. */
import type { ArgumentErrorCode, ErrorDetails } from "../errors.js";
import type { Int4Weight } from "../weight.js";
import type { HqqSettings } from "./options.js";

/** To a worker: quantize these rows. The weight's buffer is transferred. */
export interface HqqTask {
  /** [rows, K]. */
  readonly weight: Float32Array;
  readonly rows: number;
  readonly groupSize: number;
  readonly settings: HqqSettings;
  /** Iterations to run at most. */
  readonly iterations: number;
  /** Index of weight[0] in the whole weight, for errors. */
  readonly origin: number;
}

/** From a worker: the rows as a small weight of their own, its buffers transferred. */
export interface HqqBlock {
  readonly block: Int4Weight;
  /** The task's array, given back for the next task: left to two garbage collectors, copies pile up. */
  readonly weight: Float32Array;
  /** Error history, as `BlockSolution` has it. */
  readonly errors: readonly number[];
}

/** A block, or what was wrong: an error object would lose its class between threads. */
export type HqqAnswer = HqqBlock | { readonly failure: ErrorDetails<ArgumentErrorCode> };
