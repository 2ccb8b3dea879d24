/** One way to compute a product: the device under test, or what a user would pick instead. */
import type { DType, Int4Weight } from "@w4a16/core";
import type { Inputs } from "../problem/inputs.js";

/** What a contender is to hold. */
export interface LoadTask {
  readonly weight: Int4Weight;
  /** Copies of the weight that take turns. */
  readonly copies: number;
  /** Runs follow each other with the same operands. */
  readonly warm: boolean;
}

/** A way to compute products, before it holds a weight. */
export interface Contender {
  /** Its key in the results. */
  readonly name: string;
  /** Relative error it may have, before its output is rounded. */
  readonly tolerance: number;
  /** @throws Blank where it cannot take part. */
  load(task: LoadTask): Promise<LoadedContender>;
}

/** A contender that holds one weight, for any number of rows. */
export interface LoadedContender {
  /** The weight it multiplies by: as given, or with the parameters as it rounds them. */
  readonly weight: Int4Weight;
  /**
   * @param copies of the activations that take turns.
   * @throws Blank where it cannot compute such a product.
   */
  bind(inputs: Inputs, copies: number): Promise<BoundProduct>;
  dispose(): void | Promise<void>;
}

/** A product ready to run. */
export interface BoundProduct {
  /** Computes with the operands whose turn it is; done when it returns or resolves. */
  run(turn: number): void | Promise<void>;
  /** Enqueues on a device that times by its own clock; {@link run} otherwise. */
  enqueue?(turn: number): void;
  /** The product of the inputs, as the timed runs compute it. */
  output(): Promise<Float32Array>;
  /** What the timed output is rounded to. */
  readonly outputDtype: DType;
  /**
   * Some rows of the product before that rounding, [rows, width], where it can be asked for.
   *
   * @param alone compute these rows only, where all of them would take long.
   */
  unrounded?(rows: readonly number[], alone: boolean): Promise<Float32Array>;
  /** The kernel in use, in words. */
  readonly kernel: string;
  /** Its threads may go on spinning after a run, in the way of whatever comes next. */
  readonly spins?: boolean;
  dispose(): void;
}

/** Why a contender's place in the table stays blank. */
export class Blank extends Error {
  override readonly name: string = "Blank";
}

/** Its package is not installed, which the run says once for all. */
export class MissingPeer extends Blank {
  override readonly name = "MissingPeer";
}
