/**
 * Multiplications and additions a second of one thread of JavaScript with all
 * operands in registers: what a product in plain JavaScript could reach at most.
 */
export function javaScriptPeak(milliseconds = 200): number {
  const STEPS = 1 << 20;
  let best = 0;
  const end = performance.now() + milliseconds;
  do {
    const start = performance.now();
    const sum = multiplyAdd(STEPS);
    const elapsed = performance.now() - start;
    // Always so; asked for the loop's sake, which is dropped if nothing uses its sum.
    if (sum > 0) best = Math.max(best, (2 * 8 * STEPS) / elapsed);
  } while (performance.now() < end);
  return 1000 * best;
}

/** Eight independent chains: as many as hide the latency of an addition. */
function multiplyAdd(steps: number): number {
  let a = 1;
  let b = 2;
  let c = 3;
  let d = 4;
  let e = 5;
  let f = 6;
  let g = 7;
  let h = 8;
  const scale = 0.999;
  for (let i = 0; i < steps; i++) {
    a = a * scale + 0.5;
    b = b * scale + 0.5;
    c = c * scale + 0.5;
    d = d * scale + 0.5;
    e = e * scale + 0.5;
    f = f * scale + 0.5;
    g = g * scale + 0.5;
    h = h * scale + 0.5;
  }
  return a + b + c + d + e + f + g + h;
}
