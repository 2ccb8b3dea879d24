/** Two results documents: what got faster or slower beyond noise. */
import { describeCold, digits, formatTime, labelOf, ownName } from "./report/format.js";
import type { Results, Row } from "./results.js";
import { ratio } from "./timing/statistics.js";

/** A time that changed beyond noise. */
export interface Change {
  /** The product, in words. */
  readonly what: string;
  readonly contender: string;
  /** Ours: the device's own product, and not a peer. */
  readonly own: boolean;
  /** Microseconds. */
  readonly before: number;
  readonly after: number;
  /** New time over old: below 1 is faster. */
  readonly ratio: number;
}

/** What {@link compareResults} found. */
export interface Comparison {
  /** Differences whose intervals do not overlap, largest slowdown first. */
  readonly changes: readonly Change[];
  /** Those of our own products that got slower by more than the threshold. */
  readonly regressions: readonly Change[];
  /** Times in both documents. */
  readonly compared: number;
  /** Products in one of the two only. */
  readonly unmatched: readonly string[];
  readonly threshold: number;
  /** Why the two may not be comparable. */
  readonly warnings: readonly string[];
}

/**
 * Compares the products that both documents have.
 *
 * @param threshold 0.1: a tenth slower is a regression, if it is beyond noise.
 */
export function compareResults(older: Results, newer: Results, threshold: number): Comparison {
  const before = new Map(older.rows.map((row) => [keyOf(row), row]));
  const after = new Map(newer.rows.map((row) => [keyOf(row), row]));
  const changes: Change[] = [];
  let compared = 0;
  for (const [what, row] of after) {
    const old = before.get(what);
    if (!old) continue;
    for (const [contender, timing] of Object.entries(row.times)) {
      const oldTiming = old.times[contender];
      if (!oldTiming) continue;
      compared++;
      const { value, tie, single } = ratio(timing, oldTiming);
      // One run shows no noise, so no difference is beyond it.
      if (tie || single) continue;
      const own = contender === ownName(row);
      const medians = { before: oldTiming.median, after: timing.median, ratio: value };
      changes.push({ what, contender, own, ...medians });
    }
  }
  changes.sort((a, b) => b.ratio - a.ratio);
  const inOne = (rows: Iterable<string>, other: Map<string, Row>) =>
    [...rows].filter((what) => !other.has(what));
  return {
    changes,
    regressions: changes.filter((change) => change.own && change.ratio > 1 + threshold),
    compared,
    unmatched: [...inOne(before.keys(), after), ...inOne(after.keys(), before)],
    threshold,
    warnings: warningsOf(older, newer),
  };
}

/** A comparison as lines of text. */
export function renderComparison(comparison: Comparison): string {
  const { changes, regressions, compared, unmatched, threshold, warnings } = comparison;
  const lines = warnings.map((warning) => `warning: ${warning}`);
  for (const { what, contender, before, after, ratio: value } of changes) {
    const word = value > 1 ? "slower" : "faster";
    const factor = digits(value > 1 ? value : 1 / value);
    lines.push(
      `${factor}× ${word}  ${labelOf(contender)}  ${formatTime(before)} → ${formatTime(after)}  ${what}`,
    );
  }
  for (const what of unmatched) lines.push(`in one only  ${what}`);
  lines.push(
    `${compared} times compared, ${changes.length} changed beyond noise, ${regressions.length} of ours slower by more than ${digits(100 * threshold)}%`,
  );
  return `${lines.join("\n")}\n`;
}

function keyOf({ device, direction, dtype, m, n, k, groupSize, cold }: Row): string {
  return `${device} ${direction} ${dtype} M ${m}, N ${n}, K ${k}, G ${groupSize}, ${describeCold(cold)}`;
}

function warningsOf(older: Results, newer: Results): string[] {
  const warnings: string[] = [];
  if (older.machine.cpu !== newer.machine.cpu) {
    warnings.push(`measured on different CPUs: ${older.machine.cpu}; ${newer.machine.cpu}`);
  }
  const names = (results: Results) =>
    [...new Set(results.rows.map(({ deviceName }) => deviceName))].sort().join("; ");
  if (names(older) !== names(newer)) {
    warnings.push(`measured on different devices: ${names(older)}; ${names(newer)}`);
  }
  return warnings;
}
