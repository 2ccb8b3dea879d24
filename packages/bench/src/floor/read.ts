/**
 * Bytes a second that this thread reads of `bytes` bytes, over and over, for
 * some milliseconds: the best of its passes. Comparing two equal halves reads
 * both, with the C library's widest instructions.
 */
export function readFor(bytes: number, milliseconds: number): number {
  const half = Math.max(4096, Math.floor(bytes / 2));
  const left = Buffer.alloc(half, 1);
  const right = Buffer.alloc(half, 1);
  // A pass long enough for the clock: many times over where it all fits a cache.
  const repeats = Math.max(1, Math.ceil(2 ** 25 / half));
  let best = 0;
  const end = performance.now() + milliseconds;
  do {
    const start = performance.now();
    for (let i = 0; i < repeats; i++) left.equals(right);
    best = Math.max(best, (2 * half * repeats) / (performance.now() - start));
  } while (performance.now() < end);
  return 1000 * best;
}
