/** Times checked products: on the device's own clock where it has one, else by the host's. */
import type { Device } from "@w4a16/core";
import { benchmarkOf } from "../device-hooks.js";
import type { Cold, Timing } from "../results.js";
import type { Entrant } from "./entrant.js";
import { interleave, runCount, type Timed } from "./interleave.js";
import { Sweep } from "./rotation.js";
import { summarize } from "./statistics.js";

export interface TimeOptions {
  readonly device: Device;
  readonly cold: Cold;
  /** The copies do not fill the caches. */
  readonly sweep: boolean;
  /** Time for the runs of each entrant, ms. */
  readonly budgetMs: number;
  readonly signal: AbortSignal;
  readonly note: (text: string) => void;
}

/** Runs of each contender at most, and on a device's own clock. */
const MOST_RUNS = 50;
const DEVICE_ROUNDS = 100;
/** Runs before the first timed one of a contender faster than this, ms. */
const WARM_UP_MS = 100;

/** Timings by name, in microseconds, of what was run before an abort. */
export async function timeEntrants(
  entrants: readonly Entrant[],
  options: TimeOptions,
): Promise<Record<string, Timing>> {
  const { device, cold, signal, note } = options;
  const time = benchmarkOf(device).time;
  const samples = time
    ? await time(
        entrants.map(({ product }) => {
          let turn = 0;
          return () => product.enqueue!(turn++);
        }),
        { cold, rounds: DEVICE_ROUNDS, signal, note },
      )
    : await timeByHost(entrants, options);
  const times: Record<string, Timing> = {};
  entrants.forEach(({ name }, i) => {
    const runs = samples[i]!;
    if (runs.length > 0) times[name] = summarize([...runs]);
  });
  return times;
}

const sweeper = new Sweep();

async function timeByHost(
  entrants: readonly Entrant[],
  { cold, sweep, budgetMs, signal, note }: TimeOptions,
): Promise<number[][]> {
  const samples: number[][] = entrants.map(() => []);
  const again: { timed: Timed; at: number }[] = [];
  for (const [at, { name, product, checkedMs }] of entrants.entries()) {
    if (signal.aborted) return samples;
    // Where one run is all there is time for, the run that was checked is it.
    if (runCount(checkedMs, budgetMs, MOST_RUNS) === 1) {
      samples[at]!.push(1000 * checkedMs);
      note(`${name}: larger products are too slow to repeat and were run once (see --budget)`);
      continue;
    }
    const estimateMs = checkedMs < WARM_UP_MS ? await warmUp(product) : checkedMs;
    const { spins } = product;
    again.push({ at, timed: { run: (turn) => product.run(turn), estimateMs, spins } });
  }
  const before = async (timed: Timed, turn: number) => {
    if (cold === false) await timed.run(turn);
    else if (sweep) sweeper.run();
  };
  const runs = await interleave(
    again.map(({ timed }) => timed),
    { budgetMs, mostRuns: MOST_RUNS, before, signal },
  );
  again.forEach(({ at }, i) => {
    samples[at] = runs[i]!;
  });
  return samples;
}

/** Runs a product until its code is compiled and its threads are up; the last run's ms. */
async function warmUp(product: Entrant["product"]): Promise<number> {
  let elapsed = 0;
  for (let turn = 0; turn < 3; turn++) {
    const start = performance.now();
    await product.run(turn);
    elapsed = performance.now() - start;
  }
  return Math.max(elapsed, 1e-3);
}
