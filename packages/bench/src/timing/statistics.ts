/** Medians, percentiles, and when a difference is more than noise. */
import type { Timing } from "../results.js";

/** Median, 10th and 90th percentile of at least one sample. */
export function summarize(samples: readonly number[]): Timing {
  const sorted = [...samples].sort((a, b) => a - b);
  return {
    median: percentile(sorted, 0.5),
    p10: percentile(sorted, 0.1),
    p90: percentile(sorted, 0.9),
  };
}

/** The `fraction` quantile of ascending values, linear between neighbours. */
function percentile(sorted: readonly number[], fraction: number): number {
  const at = fraction * (sorted.length - 1);
  const below = Math.floor(at);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (high - low) * (at - below);
}

/** How much longer `theirs` takes than `ours`: above 1, ours is faster. */
export interface Ratio {
  readonly value: number;
  /** The intervals from p10 to p90 overlap: no order can be told. */
  readonly tie: boolean;
  /** One of the two was run once only, so that its interval says nothing. */
  readonly single: boolean;
}

export function ratio(theirs: Timing, ours: Timing): Ratio {
  return {
    value: theirs.median / ours.median,
    tie: theirs.p10 <= ours.p90 && ours.p10 <= theirs.p90,
    single: isSingle(theirs) || isSingle(ours),
  };
}

/** Whether a timing comes from one run: a second one would have differed. */
export function isSingle(timing: Timing): boolean {
  return timing.p10 === timing.p90;
}
