/**
 * HQQ's half-quadratic ("proximal") solver. With W_r the dequantized weight of
 * the current codes, it alternates
 *
 *     E    = shrink(W − W_r),  shrink(x) = sign(x) · max(0, |x| − |x|^(p−1)/β)
 *     zero = mean(codes − (W − E) · inverseScale)
 *
 * Groups are independent but for the early stop, which looks at the mean error
 * of the whole matrix. So a block of rows is solved to the last iteration at
 * once, in cache, and keeps the history of its error; the histories tell where
 * the whole should have stopped, and if that is earlier the blocks are solved
 * again up to there.
 *
 * Two facts make it fast. shrink(x) is 0 exactly when |x| ≤ β^(−1/(2−p)), so the
 * power is computed only beyond that threshold, which ordinary weights never
 * reach. And a group whose zero did not move, with all residuals under the
 * smallest threshold still to come, will never change again: it is skipped.
 */
import { fitRange, type GroupParameters, HQQ_LIMITS, toCode } from "./groups.js";
import type { HqqSettings } from "./options.js";

/** A block's parameters, and Σ|W − W_r| at each iteration; it stays at the last value. */
export interface BlockSolution {
  readonly parameters: GroupParameters;
  readonly errors: readonly number[];
}

/**
 * Fits the parameters of some rows of a weight for codes 0..`highest`.
 *
 * @param iterations runs at most so many, fewer when every group has converged.
 * @param origin index of weight[0] in the caller's whole weight, for errors.
 */
export function solveBlock(
  weight: Float32Array,
  groupSize: number,
  highest: number,
  settings: HqqSettings,
  iterations: number,
  origin: number,
): BlockSolution {
  const { roundZero } = settings;
  const parameters = fitRange(weight, groupSize, highest, roundZero, HQQ_LIMITS, origin);
  const state = {
    ...parameters,
    errors: new Float64Array(parameters.zeros.length),
    converged: new Uint8Array(parameters.zeros.length),
  };
  const errors: number[] = [];
  for (let moving = 1, i = 0; i < iterations && moving > 0; i++) {
    moving = iterate(weight, groupSize, state, highest, settings.lpNorm, stepAt(settings, i));
    errors.push(sum(state.errors));
  }
  return { parameters, errors };
}

/**
 * How many iterations the early stop allows, from the error histories of all
 * blocks in order: it ends after the first iteration that does not lower the
 * mean error, taken in float32 as the public quantizer takes it.
 */
export function stopIteration(
  histories: ReadonlyArray<readonly number[]>,
  settings: HqqSettings,
  elements: number,
): number {
  if (!settings.earlyStop) return settings.iterations;
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < settings.iterations; i++) {
    const error = meanError(histories, i, elements);
    if (!(error < best)) return i + 1;
    best = error;
  }
  return settings.iterations;
}

/** Mean |W − W_r| of the whole matrix at iteration `index`, rounded to float32. */
function meanError(
  histories: ReadonlyArray<readonly number[]>,
  index: number,
  elements: number,
): number {
  let total = 0;
  for (const errors of histories) total += errors[index] ?? errors.at(-1) ?? 0;
  return Math.fround(total / elements);
}

/** A plain loop: `reduce` on a typed array calls back for each element, 40 times slower. */
function sum(values: Float64Array): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i]!;
  return total;
}

/** State of a block while it iterates. */
interface BlockState extends GroupParameters {
  /** Σ|W − W_r| of each group at its last iteration. */
  readonly errors: Float64Array;
  /** 1 for a group that has converged for good. */
  readonly converged: Uint8Array;
}

interface Step {
  readonly beta: number;
  /** |residual| up to which shrink is 0 in this iteration. */
  readonly threshold: number;
  /** The smallest threshold of this and all later iterations. */
  readonly smallestThreshold: number;
}

function stepAt({ beta, kappa, iterations, lpNorm }: HqqSettings, index: number): Step {
  const betaAt = (i: number) => beta * kappa ** i;
  const thresholdAt = (i: number) => betaAt(i) ** (-1 / (2 - lpNorm));
  const threshold = thresholdAt(index);
  return {
    beta: betaAt(index),
    threshold,
    smallestThreshold: Math.min(threshold, thresholdAt(iterations - 1)),
  };
}

/** Runs one iteration on the groups that still move, and returns how many those are. */
function iterate(
  weight: Float32Array,
  groupSize: number,
  { inverseScales, zeros, errors, converged }: BlockState,
  highest: number,
  lpNorm: number,
  { beta, threshold, smallestThreshold }: Step,
): number {
  let moving = 0;
  for (let group = 0; group < zeros.length; group++) {
    if (converged[group] === 1) continue;
    const inverseScale = inverseScales[group]!;
    const scale = 1 / inverseScale;
    const zero = zeros[group]!;
    const end = (group + 1) * groupSize;
    let error = 0;
    let largest = 0;
    let total = 0;
    for (let i = group * groupSize; i < end; i++) {
      const w = weight[i]!;
      const scaled = Math.fround(w * inverseScale);
      const code = toCode(Math.fround(scaled + zero), 0, highest);
      const residual = w - (code - zero) * scale;
      const magnitude = Math.abs(residual);
      error += magnitude;
      total += code - scaled;
      if (magnitude > largest) largest = magnitude;
      if (magnitude > threshold) {
        const shrunk = magnitude - magnitude ** (lpNorm - 1) / beta;
        total += (residual < 0 ? -shrunk : shrunk) * inverseScale;
      }
    }
    errors[group] = error;
    const moved = Math.fround(total / groupSize);
    zeros[group] = moved;
    if (moved === zero && largest <= smallestThreshold) converged[group] = 1;
    else moving++;
  }
  return moving;
}
