/** How many copies of the operands take turns, so that each finds the caches full of others. */
import { coldBytes } from "../machine.js";

/** Copies of one operand at most; what is small is swept out of the caches instead. */
const MOST_COPIES = 16;

export interface Rotation {
  /** Copies of the weight. */
  readonly weights: number;
  /** Copies of the activations and the output. */
  readonly activations: number;
  /** The copies together do not fill the caches: something else must be read before each run. */
  readonly sweep: boolean;
}

export const ONE_COPY: Rotation = { weights: 1, activations: 1, sweep: false };

/**
 * Copies so that those of the weight and those of the activations each exceed
 * `bytes`, twice the last-level cache by default.
 */
export function rotate(
  weightBytes: number,
  activationBytes: number,
  bytes: number = coldBytes(),
): Rotation {
  const copies = (each: number) => Math.max(2, Math.min(MOST_COPIES, Math.ceil(bytes / each) + 1));
  const weights = copies(weightBytes);
  return {
    weights,
    // Activations may stay few: by their turn the weights have passed through the caches too.
    activations: Math.min(weights, copies(activationBytes)),
    sweep: weights * weightBytes < bytes,
  };
}

/** Fills the caches with something else, by reading more than they hold. */
export class Sweep {
  #left: Buffer | undefined;
  #right: Buffer | undefined;

  run(): void {
    const half = Math.ceil(coldBytes() / 2);
    this.#left ??= Buffer.alloc(half, 1);
    this.#right ??= Buffer.alloc(half, 1);
    // Comparing equal bytes reads all of both, at memory speed.
    this.#left.equals(this.#right);
  }
}
