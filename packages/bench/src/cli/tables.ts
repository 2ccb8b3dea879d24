/** Results as tables on a terminal. */
import Table from "cli-table3";
import {
  CONTENDERS,
  formatCeiling,
  formatMeasure,
  groupRows,
  ownName,
  peersOf,
  singleRunNotes,
  tableOf,
} from "../report/format.js";
import type { Machine, Measure, Results, Row } from "../results.js";

/**
 * Everything a run found.
 *
 * @param columns the contenders asked for: those missing stay blank.
 * @param width of the terminal, in characters: wider tables are drawn in parts.
 */
export function renderResults(
  results: Results,
  columns: readonly string[],
  width = Number.POSITIVE_INFINITY,
): string {
  const { rows, measures = [], machine } = results;
  const parts = [renderMachine(machine)];
  for (const group of groupRows(rows)) {
    const own = ownName(group.rows[0]!);
    const others = peersOf(group.rows, columns).filter((name) => name !== own);
    const table = tableOf(group.rows, [own, ...others]);
    const drawn = splitColumns(table, width).map((part) => draw(part));
    parts.push(`${group.title}\n${kernels(group.rows)}${drawn.join("\n\n")}`);
  }
  if (rows.length > 0) parts.push(legend(rows, peersOf(rows, columns)));
  if (measures.length > 0) parts.push(renderMeasures(measures));
  return `${parts.join("\n\n")}\n`;
}

function renderMeasures(measures: readonly Measure[]): string {
  const rows = measures.map((measure) => [
    measure.suite,
    measure.name,
    formatMeasure(measure, measure.median),
    measure.p10 === measure.p90
      ? ""
      : `${formatMeasure(measure, measure.p10)} – ${formatMeasure(measure, measure.p90)}`,
  ]);
  return draw([["suite", "what", "median", "p10 – p90"], ...rows], 2);
}

function renderMachine({ cpu, cores, driver, node, platform, peers, ceilings }: Machine): string {
  const lines = [`${cpu}, ${cores} cores; ${platform}; Node ${node}`];
  if (driver) lines.push(`NVIDIA driver ${driver}`);
  for (const [device, ceiling] of Object.entries(ceilings)) {
    lines.push(formatCeiling(device, ceiling));
  }
  for (const [name, settings] of Object.entries(peers)) lines.push(`${name} ${settings}`);
  return lines.join("\n");
}

/** Which kernel ran: for which M, where there were several. */
function kernels(rows: readonly Row[]): string {
  const users = new Map<string, number[]>();
  for (const { kernel, m } of rows) users.set(kernel, [...(users.get(kernel) ?? []), m]);
  const lines = [...users].map(([kernel, ms]) =>
    users.size === 1 ? `  kernel: ${kernel}\n` : `  kernel, M ${ms.join(", ")}: ${kernel}\n`,
  );
  return lines.join("");
}

function legend(rows: readonly Row[], columns: readonly string[]): string {
  const own = ownName(rows[0]!);
  const names = CONTENDERS.filter(([name]) => name === own || columns.includes(name));
  const lines = names.map(([, label, meaning]) => `  ${label.padEnd(8)} ${meaning}`);
  return [
    `Medians. n× after a time: it takes n times as long as ${own}; "tie": the intervals p10 – p90 overlap.`,
    ...singleRunNotes(rows),
    "error: relative Frobenius, against float64, before the output is rounded.",
    ...lines,
  ].join("\n");
}

/** Spaces around and between the cells of a column. */
const GAP = 3;

/** Tables of no more than `width` characters that share the first column. */
export function splitColumns(table: readonly string[][], width: number): string[][][] {
  const widths = table[0]!.map((_, i) => GAP + Math.max(...table.map((row) => row[i]!.length)));
  const parts: number[][] = [];
  let used = 0;
  for (let i = 1; i < widths.length; i++) {
    if (parts.length === 0 || used + widths[i]! > width) {
      parts.push([0]);
      used = widths[0]!;
    }
    parts.at(-1)!.push(i);
    used += widths[i]!;
  }
  return parts.map((columns) => table.map((row) => columns.map((i) => row[i]!)));
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
