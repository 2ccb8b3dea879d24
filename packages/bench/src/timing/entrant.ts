/** A contender with operands, checked against float64. */
import type { Int4Weight } from "@w4a16/core";
import type { BoundProduct, Contender, LoadedContender } from "../contenders/contender.js";
import type { Inputs } from "../problem/inputs.js";
import { type Check, Oracle } from "../problem/oracle.js";

/** A product slower than this, ms, is computed again for the sampled rows only. */
const SLOW_MS = 500;

/** A contender that is ready to be timed, and what its check found. */
export interface Entrant {
  readonly name: string;
  readonly product: BoundProduct;
  readonly check: Check;
  /** Before the output is rounded, where the contender can tell. */
  readonly relativeError: number;
  /** What the run that was checked took, ms, reading its output included. */
  readonly checkedMs: number;
}

/** Binds contenders to the same inputs, computes once, and checks every row of the result. */
export class Entry {
  /** Contenders that hold the same weight are held to the same values. */
  readonly #oracles = new Map<Int4Weight, Oracle>();

  constructor(
    private readonly inputs: Inputs,
    private readonly copies: number,
  ) {}

  async enter({ name, tolerance }: Contender, loaded: LoadedContender): Promise<Entrant> {
    const product = await loaded.bind(this.inputs, this.copies);
    try {
      const oracle = this.#oracle(loaded.weight);
      const start = performance.now();
      const y = await product.output();
      const checkedMs = performance.now() - start;
      const check = oracle.check(y, tolerance, product.outputDtype);
      const exact = await product.unrounded?.(oracle.rows, checkedMs > SLOW_MS);
      const relativeError = exact ? oracle.relativeError(exact) : check.relativeError;
      return { name, product, check, relativeError, checkedMs };
    } catch (error) {
      product.dispose();
      throw error;
    }
  }

  #oracle(weight: Int4Weight): Oracle {
    const known = this.#oracles.get(weight);
    if (known) return known;
    const oracle = new Oracle(this.inputs, weight);
    this.#oracles.set(weight, oracle);
    return oracle;
  }
}
