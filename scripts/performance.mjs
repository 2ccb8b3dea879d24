/**
 * Measures the figures this repository promises, and fails if one is missed:
 * `npm run perf`. A figure is the best of several runs, each in a process of its
 * own, since what is judged is the code and not what else the machine is doing.
 */
import { spawnSync } from "node:child_process";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { measurements } from "./performance/measurements.mjs";

const RUNS = 5;

console.log(`${cpus()[0]?.model ?? "unknown CPU"}, Node ${process.version}\n`);
let missed = 0;
for (const [name, { unit, atMost, atLeast }] of Object.entries(measurements)) {
  const holds = (value) => (atMost === undefined ? value >= atLeast : value <= atMost);
  let best = atMost === undefined ? 0 : Number.POSITIVE_INFINITY;
  for (let run = 0; run < RUNS && (run < 2 || !holds(best)); run++) {
    const value = measure(name);
    best = atMost === undefined ? Math.max(best, value) : Math.min(best, value);
  }
  const bound = atMost === undefined ? `≥ ${atLeast}` : `≤ ${atMost}`;
  console.log(
    `${holds(best) ? "holds " : "MISSED"}  ${name}: ${best.toPrecision(3)} ${unit} (${bound})`,
  );
  if (!holds(best)) missed++;
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
