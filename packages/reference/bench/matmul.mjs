// Time and throughput of the reference device, median of several runs.
// usage: node bench/matmul.mjs [M] [N] [K] [G]
import { exactMatmul, reference } from "@w4a16/reference";
import { randomInt4Weight, randomNormal, seededRandom } from "@w4a16/reference/testing";

const [m = 16, n = 4096, k = 4096, groupSize = 64] = process.argv.slice(2).map(Number);
const random = seededRandom(1);
const weight = randomInt4Weight(random, { outFeatures: n, inFeatures: k, groupSize });
const x = randomNormal(random, m * k);
const dy = randomNormal(random, m * n);

function report(name, run) {
  run();
  const times = Array.from({ length: 7 }, () => {
    const start = performance.now();
    run();
    return performance.now() - start;
  }).sort((a, b) => a - b);
  const median = times[3];
  const rate = (2 * m * n * k) / median / 1e6;
  console.log(
    `${name.padEnd(28)} ${median.toFixed(1).padStart(8)} ms ${rate.toFixed(2).padStart(7)} GFLOP/s`,
  );
}

console.log(`M ${m}, N ${n}, K ${k}, G ${groupSize}; 2·M·N·K operations, one thread`);
for (const precision of ["float32", "float64"]) {
  const device = await reference.open({ precision });
  const loaded = device.loadWeight(weight);
  const input = device.tensor([m, k], "bfloat16", x);
  const gradient = device.tensor([m, n], "bfloat16", dy);
  report(`${precision} matmul`, () => loaded.matmul(input).dispose());
  report(`${precision} matmulTransposed`, () => loaded.matmulTransposed(gradient).dispose());
  device.dispose();
}
report("exactMatmul", () => exactMatmul(weight, x, m));
