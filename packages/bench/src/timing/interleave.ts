/** Runs contenders in turns, so that whatever the machine does meanwhile falls on all of them. */
import { setImmediate, setTimeout } from "node:timers/promises";

/** Something to time from outside, by the host's clock. */
export interface Timed {
  /** Done when it returns or resolves. */
  run(turn: number): void | Promise<void>;
  /** What one run takes about, ms: decides how many there will be. */
  readonly estimateMs: number;
  /** Its threads may go on spinning after a run: the next one waits until they have stopped. */
  readonly spins?: boolean | undefined;
}

export interface InterleaveOptions {
  /** Time for the runs of each contender, ms. What is slower than that is run once. */
  readonly budgetMs: number;
  /** Runs of each contender at most. */
  readonly mostRuns: number;
  /** Prepares the caches before each timed run; not timed. */
  readonly before?: ((timed: Timed, turn: number) => void | Promise<void>) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A contender slower than the budget still gets three runs if they take no more than this many budgets. */
const STRETCH = 2;

/** How many runs fit: `mostRuns` if it is fast, one if it is very slow. */
export function runCount(estimateMs: number, budgetMs: number, mostRuns: number): number {
  const fits = Math.floor(budgetMs / estimateMs);
  if (fits >= 3) return Math.min(fits, mostRuns);
  return 3 * estimateMs <= STRETCH * budgetMs ? 3 : 1;
}

/**
 * Runs each contender {@link runCount} times, spread evenly over the rounds, each
 * round starting with another one.
 *
 * @returns microseconds of each run, by contender; fewer after an abort.
 */
export async function interleave(
  contenders: readonly Timed[],
  options: InterleaveOptions,
): Promise<number[][]> {
  const { budgetMs, mostRuns, before, signal } = options;
  const counts = contenders.map(({ estimateMs }) => runCount(estimateMs, budgetMs, mostRuns));
  const rounds = Math.max(0, ...counts);
  const samples: number[][] = contenders.map(() => []);
  if (contenders.some(({ spins }) => spins)) await settle();
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < contenders.length; i++) {
      const at = (round + i) % contenders.length;
      // Run number j of `count` falls into round ⌊j · rounds / count⌋.
      const taken = samples[at]!.length;
      if (taken >= counts[at]! || Math.floor((taken * rounds) / counts[at]!) > round) continue;
      // Lets an interrupt through between two synchronous runs.
      await setImmediate();
      if (signal?.aborted) return samples;
      const timed = contenders[at]!;
      await before?.(timed, taken + 1);
      const start = performance.now();
      const running = timed.run(taken + 1);
      if (running) await running;
      samples[at]!.push(1000 * (performance.now() - start));
      if (timed.spins) await settle();
    }
  }
  return samples;
}

/** Part of one core that this process may use while it counts as idle. */
const IDLE = 0.2;
const WINDOW_MS = 5;
const MOST_WINDOWS = 60;

/**
 * Resolves when this process has used next to no processor time for two windows
 * of 5 ms (in one, its threads may only have been kept waiting), or after 300 ms.
 *
 * @param usedTime microseconds of processor time this process has used so far.
 * @returns the windows it took.
 */
export async function settle(usedTime = processTime): Promise<number> {
  let quiet = 0;
  for (let window = 1; window <= MOST_WINDOWS; window++) {
    const before = usedTime();
    await setTimeout(WINDOW_MS);
    quiet = usedTime() - before < IDLE * 1000 * WINDOW_MS ? quiet + 1 : 0;
    if (quiet === 2) return window;
  }
  return MOST_WINDOWS;
}

function processTime(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
