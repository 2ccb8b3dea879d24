/** A report in one file: charts, tables and how they were measured. No script, nothing from the network. */
import type { Machine, Measure, Results, Row } from "../results.js";
import { renderChart } from "./charts.js";
import {
  CONTENDERS,
  contendersIn,
  formatCeiling,
  formatCommit,
  formatMeasure,
  groupRows,
  labelOf,
  ownName,
  type RowGroup,
  singleRunNotes,
  tableOf,
} from "./format.js";
import { paletteCss, variableOf } from "./palette.js";

/** The report of a run, as one HTML page. */
export async function renderReport(results: Results): Promise<string> {
  const { machine, rows, measures = [], date, commit } = results;
  const groups = await Promise.all(groupRows(rows).map(renderGroup));
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>w4a16 bench: ${escapeHtml(machine.cpu)}</title>
<style>${CSS}</style>
<main>
<h1>w4a16 bench</h1>
<p>${escapeHtml(machine.cpu)}, ${machine.cores} cores; ${escapeHtml(machine.platform)}; Node ${escapeHtml(machine.node)}.
Measured ${escapeHtml(date.slice(0, 10))}${commit ? ` at commit ${escapeHtml(formatCommit(commit))}` : ""}.</p>
${groups.join("\n")}
${measures.length > 0 ? renderMeasures(measures) : ""}
${renderMethod(machine, rows)}
</main>
</html>
`;
}

async function renderGroup({ title, rows }: RowGroup): Promise<string> {
  const names = contendersIn(rows);
  const own = ownName(rows[0]!);
  const options = { legend: false, standalone: false };
  const charts = [
    ["Time against M", await renderChart(rows, "time", options)],
    [`Ratio: time over ${labelOf(own)}, against M`, await renderChart(rows, "ratio", options)],
  ];
  const figures = charts
    .filter(([, svg]) => svg !== undefined)
    .map(([caption, svg]) => `<figure><figcaption>${caption}</figcaption>${svg}</figure>`);
  const legend = names.map(
    (name) =>
      `<span><i style="background:${variableOf(name)}"></i>${escapeHtml(labelOf(name))}</span>`,
  );
  const floor = rows.some((row) => row.floor !== null)
    ? '<span><i class="floor"></i>floor</span>'
    : "";
  const kernels = [...new Set(rows.map((row) => row.kernel))];
  return `<section>
<h2>${escapeHtml(title)}</h2>
<p>${kernels.map(escapeHtml).join("; ")}</p>
<div class="legend">${legend.join("")}${floor}</div>
<div class="charts">${figures.join("")}</div>
${renderTable(tableOf(rows, names.length > 0 ? names : [own]))}
</section>`;
}

function renderTable([head, ...rows]: string[][]): string {
  const cells = (tag: string, row: readonly string[]) =>
    `<tr>${row.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join("")}</tr>`;
  return `<div class="scroll"><table><thead>${cells("th", head!)}</thead><tbody>${rows
    .map((row) => cells("td", row))
    .join("")}</tbody></table></div>`;
}

function renderMeasures(measures: readonly Measure[]): string {
  const rows = measures.map((measure) => [
    measure.suite,
    measure.name,
    formatMeasure(measure, measure.median),
  ]);
  return `<section class="measures"><h2>Other suites</h2>${renderTable([["suite", "what", "median"], ...rows])}</section>`;
}

function renderMethod({ ceilings, peers }: Machine, rows: readonly Row[]): string {
  const present = new Set(contendersIn(rows));
  const items = [
    "Every product is checked against float64 before it is timed. Contenders take turns in one process. Times are medians; bars and intervals go from the 10th to the 90th percentile.",
    "n× after a time: it takes n times as long as the first column. “tie”: the intervals overlap.",
    ...singleRunNotes(rows),
    ...Object.entries(ceilings).map(([device, ceiling]) => `${formatCeiling(device, ceiling)}.`),
    ...CONTENDERS.filter(([name]) => present.has(name)).map(
      ([, label, meaning]) => `${label}: ${meaning}.`,
    ),
    ...Object.entries(peers).map(([name, settings]) => `${name} ${settings}.`),
  ];
  return `<section><h2>Method</h2><ul>${items.map((item) => `<li>${escapeHtml(item)}</li>`).join("")}</ul></section>`;
}

function escapeHtml(text: string): string {
  const entities: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
  };
  return text.replace(/[&<>"]/g, (character) => entities[character]!);
}

const CSS = `${paletteCss(":root")}
:root{--page:#fff;--panel:#f7f8fb}
@media(prefers-color-scheme:dark){:root{--page:#14171e;--panel:#1b1f29}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:15px/1.5 system-ui,sans-serif}
main{max-width:62rem;margin:0 auto;padding:1.25rem 1rem 3rem}
h1{font-size:1.4rem;margin:0 0 .25rem}
h2{font-size:1rem;margin:2.2rem 0 .25rem;overflow-wrap:anywhere}
p{margin:.25rem 0;color:var(--faint);overflow-wrap:anywhere}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1rem;margin:.6rem 0;font-size:.85rem}
.legend i{display:inline-block;width:.8em;height:.8em;border-radius:50%;margin-right:.4em;vertical-align:-.05em}
.legend i.floor{height:0;border-radius:0;width:1.2em;border-top:2px dashed var(--floor);vertical-align:.25em}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,21rem),1fr));gap:1rem}
figure{margin:0;background:var(--panel);border-radius:.5rem;padding:.75rem}
figcaption{font-size:.85rem;font-weight:600;margin-bottom:.25rem}
figure svg{display:block;width:100%;max-width:30rem;height:auto;margin:0 auto}
.scroll{overflow-x:auto;margin-top:1rem}
table{border-collapse:collapse;font-size:.82rem;font-variant-numeric:tabular-nums;white-space:nowrap}
th,td{padding:.3rem .7rem;text-align:right;border-bottom:1px solid var(--grid)}
th{color:var(--faint);font-weight:600}
th:first-child,td:first-child{padding-left:0}
.measures th,.measures td{text-align:left}
ul{padding-left:1.1rem;color:var(--faint);font-size:.88rem;overflow-wrap:anywhere}`;
