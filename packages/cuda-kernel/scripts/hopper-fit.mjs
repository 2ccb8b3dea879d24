// Fits native/heuristics/sm90a_costs.hpp to results/hopper-shapes.json (`hopper shapes`):
//
//   node scripts/hopper-fit.mjs        the table's rows, and how far the fit is off
//
// A shape's time is start + waves · (chunks · chunkNs + tileUs) (sm90a.cpp); chunkNs and tileUs are fitted for
// each shape and direction by least squares of relative errors over its runs without a tail in parts. What counts
// is that the fastest shape comes out cheapest, so runs far from the fastest weigh less.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./build.mjs";

const START_US = 5; // kHopperStartUs
const BYTES_PER_US = 2.6e6; // kHopperBytesPerUs
const LOADING_TOKENS = 32; // kHopperLoadingTokens
const SMS = 132;
const COMPETITIVE = 0.5; // a run this much slower than the fastest shape weighs half

const source = readFileSync(join(root, "native/kernels/sm90a/shapes.hpp"), "utf8");
const shapes = [
  ...source.matchAll(/\{Family::(\w+), (\d+), (\d+), (\d+), (\d+), (?:true|false)(?:, (\d+))?\}/g),
].map(([, family, tokens, rows, groups, , perSM]) => ({
  name: `${family.toLowerCase()} ${64 * Number(rows)}x${tokens}${perSM ? " (2 a multiprocessor)" : ""}`,
  family,
  tokens: Number(tokens),
  rows: Number(rows),
  groups: Number(groups),
  perSM: Number(perSM ?? 1),
}));
const { results } = JSON.parse(readFileSync(join(root, "results/hopper-shapes.json"), "utf8"));

for (const shape of shapes) {
  const entries = ["forward", "transposed"].map((direction) => {
    const runs = results
      .filter((r) => r.kernel === shape.name && r.direction === direction)
      .map((r) => equation(shape, r))
      .filter((e) => e !== null);
    return leastSquares(runs);
  });
  const cells = entries.map((e) => `{${e.chunkNs.toFixed(0)}, ${e.tileUs.toFixed(1)}f}`);
  const errors = entries.map((e) => `${(100 * e.error).toFixed(1)}% of ${e.count}`);
  console.log(`    {${cells.join(", ")}},  // ${shape.name}: off by ${errors.join(", ")}`);
}

/** us = waves · (chunks · c + t) as coefficients, or null where memory is the limit. */
function equation(shape, { N, K, M, direction, written }) {
  const [features, reduction] = direction === "transposed" ? [K, N] : [N, K];
  const tiles = Math.ceil(features / (64 * shape.rows)) * Math.ceil(M / shape.tokens);
  const chunks = Math.ceil(reduction / 64);
  const us = written.median - START_US;
  const bytes = 0.54 * N * K + 2 * M * (reduction + features);
  if (us < (1.1 * bytes) / BYTES_PER_US) return null;
  const weight = 1 / (1 + ((written.median / fastest(N, K, M, direction) - 1) / COMPETITIVE) ** 2);
  if (shape.family === "Whole") return { waves: Math.ceil(tiles / SMS), chunks, us, weight };
  const atOnce = (SMS * shape.perSM) / 2;
  const waves =
    shape.tokens <= LOADING_TOKENS
      ? Math.max(1 / shape.perSM, tiles / atOnce)
      : Math.ceil(tiles / atOnce);
  return { waves, chunks: chunks / 2, us, weight };
}

/** Of all shapes, without dense. */
function fastest(N, K, M, direction) {
  const same = (r) => r.N === N && r.K === K && r.M === M && r.direction === direction;
  return Math.min(
    ...results.filter((r) => same(r) && r.kernel !== "dense").map((r) => r.written.median),
  );
}

/** Of relative errors; tileUs is kept between 0.2 and 6 µs. */
function leastSquares(runs) {
  let best = { chunkNs: 0, tileUs: 0, error: Number.POSITIVE_INFINITY, count: runs.length };
  for (let tileUs = 0.2; tileUs <= 6; tileUs += 0.1) {
    let num = 0;
    let den = 0;
    for (const { waves, chunks, us, weight } of runs) {
      const a = (waves * chunks) / us;
      num += weight * a * (1 - (waves * tileUs) / us);
      den += weight * a * a;
    }
    const c = num / den;
    let square = 0;
    let total = 0;
    for (const { waves, chunks, us, weight } of runs) {
      square += weight * ((waves * (chunks * c + tileUs)) / us - 1) ** 2;
      total += weight;
    }
    const error = Math.sqrt(square / total);
    if (error < best.error) best = { chunkNs: 1000 * c, tileUs, error, count: runs.length };
  }
  return best;
}
