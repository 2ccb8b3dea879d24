/** Results as tables on a terminal. */
import Table from "cli-table3";
import { CONTENDERS, digits, formatTime, groupRows, ownName, tableOf } from "../report/format.js";
import type { Machine, Measure, Results, Row } from "../results.js";
import { isSingle } from "../timing/statistics.js";

/** Everything a run found. `columns` are the contenders asked for: those missing stay blank. */
export function renderResults(results: Results, columns: readonly string[]): string {
  const { rows, measures = [], machine } = results;
  const parts = [renderMachine(machine)];
  for (const group of groupRows(rows)) {
    const own = ownName(group.rows[0]!);
    const others = columns.filter((name) => name !== own);
    parts.push(
      `${group.title}\n${kernels(group.rows)}${draw(tableOf(group.rows, [own, ...others]))}`,
    );
  }
  if (rows.length > 0) parts.push(legend(rows, columns));
  if (measures.length > 0) parts.push(renderMeasures(measures));
  return `${parts.join("\n\n")}\n`;
}

export function renderMeasures(measures: readonly Measure[]): string {
  const value = ({ unit }: Measure, number: number) =>
    unit === "MiB" ? `${digits(number)} MiB` : formatTime(number * (unit === "ms" ? 1000 : 1));
  const rows = measures.map((measure) => [
    measure.suite,
    measure.name,
    value(measure, measure.median),
    measure.p10 === measure.p90
      ? ""
      : `${value(measure, measure.p10)} – ${value(measure, measure.p90)}`,
  ]);
  return draw([["suite", "what", "median", "p10 – p90"], ...rows], 2);
}

function renderMachine({ cpu, cores, node, platform, peers, ceilings }: Machine): string {
  const lines = [`${cpu}, ${cores} cores; ${platform}; Node ${node}`];
  for (const [device, { bytesPerSecond, operationsPerSecond, method }] of Object.entries(
    ceilings,
  )) {
    const rate =
      operationsPerSecond === null ? "–" : `${digits(operationsPerSecond / 1e9)} GFLOP/s`;
    lines.push(`floor of ${device}: ${digits(bytesPerSecond / 1e9)} GB/s, ${rate} (${method})`);
  }
  for (const [name, settings] of Object.entries(peers)) lines.push(`${name} ${settings}`);
  return lines.join("\n");
}

/** The kernels in use, where they are not the same for every M. */
function kernels(rows: readonly Row[]): string {
  const names = [...new Set(rows.map((row) => row.kernel))];
  return names.map((name) => `  kernel: ${name}\n`).join("");
}

function legend(rows: readonly Row[], columns: readonly string[]): string {
  const own = ownName(rows[0]!);
  const names = CONTENDERS.filter(([name]) => name === own || columns.includes(name));
  const lines = names.map(([, label, meaning]) => `  ${label.padEnd(8)} ${meaning}`);
  const single = rows.some((row) => Object.values(row.times).some(isSingle));
  return [
    `Medians. n× after a time: it takes n times as long as ${own}; "tie": the intervals p10 – p90 overlap.`,
    ...(single ? ["~n×: one of the two was too slow to repeat and ran once."] : []),
    "error: relative Frobenius, against float64, before the output is rounded.",
    ...lines,
  ].join("\n");
}

function draw([head, ...rows]: string[][], leftColumns = 0): string {
  const table = new Table({
    head: head!,
    colAligns: head!.map((_, i) => (i < leftColumns ? "left" : "right")),
    style: { head: [], border: [], compact: true },
    chars: {
      top: "",
      "top-mid": "",
      "top-left": "",
      "top-right": "",
      bottom: "",
      "bottom-mid": "",
      "bottom-left": "",
      "bottom-right": "",
      left: "",
      "left-mid": "",
      mid: "",
      "mid-mid": "",
      right: "",
      "right-mid": "",
      middle: " ",
    },
  });
  table.push(...rows);
  return table.toString();
}
