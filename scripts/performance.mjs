/**
 * Measures the figures this repository promises, and fails if one is missed:
 * `npm run perf`. A figure is the best of several runs, each in a process of its
 * own, since what is judged is the code and not what else the machine is doing.
 *
 * `--slack 2` lets every bound be missed by that factor: for machines that are
 * shared, where it still catches what broke.
 */
import { spawnSync } from "node:child_process";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { readOptions } from "./options.mjs";
import { measurements } from "./performance/measurements.mjs";

const RUNS = 5;
const { values: options } = readOptions({ slack: { type: "string", default: "1" } });
const slack = Number(options.slack);
if (!(slack >= 1)) {
  console.error(`--slack: expected a number of at least 1, received ${options.slack}.`);
  process.exit(2);
}

console.log(`${cpus()[0]?.model ?? "unknown CPU"}, Node ${process.version}\n`);
let missed = 0;
for (const [name, { unit, atMost, atLeast }] of Object.entries(measurements)) {
  const within = (value, factor) =>
    atMost === undefined ? value >= atLeast / factor : value <= atMost * factor;
  let best = atMost === undefined ? 0 : Number.POSITIVE_INFINITY;
  for (let run = 0; run < RUNS && !within(best, 1); run++) {
    const value = measure(name);
    best = atMost === undefined ? Math.max(best, value) : Math.min(best, value);
  }
  const bound = atMost === undefined ? `≥ ${atLeast}` : `≤ ${atMost}`;
  const verdict = within(best, 1) ? "holds " : within(best, slack) ? "slack " : "MISSED";
  console.log(`${verdict}  ${name}: ${best.toPrecision(3)} ${unit} (${bound})`);
  if (!within(best, slack)) missed++;
}
process.exitCode = missed === 0 ? 0 : 1;

function measure(name) {
  const script = fileURLToPath(new URL("performance/measurements.mjs", import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, name], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`Measuring ${name} failed:\n${stderr}`);
  return Number(stdout);
}
