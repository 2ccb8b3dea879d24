/** Times one thing over and over. */
import { setImmediate } from "node:timers/promises";

/**
 * Runs `run` once unmeasured, then until a second or 50 runs have passed, and at
 * least three times.
 *
 * @returns milliseconds of each run.
 */
export async function repeat(
  run: () => unknown | Promise<unknown>,
  signal: AbortSignal,
): Promise<number[]> {
  const samples: number[] = [];
  await run();
  const end = performance.now() + 1000;
  while (samples.length < 3 || (performance.now() < end && samples.length < 50)) {
    await setImmediate();
    if (signal.aborted) break;
    const start = performance.now();
    await run();
    samples.push(performance.now() - start);
  }
  return samples;
}
