/** The performance parts of a README, made from results documents so that no figure is typed by hand. */
import { type ArgumentError, DIRECTIONS } from "@w4a16/core";
import { invalidValue } from "../invalid-value.js";
import type { Machine, Results, Row } from "../results.js";
import { renderChart } from "./charts.js";
import {
  CONTENDERS,
  contendersIn,
  formatCeiling,
  formatCommit,
  groupRows,
  labelOf,
  ownName,
  singleRunNotes,
  tableOf,
} from "./format.js";

/** A text with its regions rewritten. */
export interface RenderedReadme {
  readonly text: string;
  /** Charts that the text refers to: SVG by file name. */
  readonly charts: ReadonlyMap<string, string>;
  /** Regions that were found. */
  readonly regions: readonly string[];
}

/** What regions are made from. */
export interface ReadmeOptions {
  /** Results documents by name: that of their file, without ".json". */
  readonly results: ReadonlyMap<string, Results>;
  /** Where the charts lie, as the README refers to them. */
  readonly chartFolder: string;
}

const REGION = /<!-- bench:(\S+) -->\n[\s\S]*?<!-- \/bench:\1 -->/g;
const OPENING = /<!-- bench:(\S+) -->/g;

/**
 * Rewrites every region `<!-- bench:NAME -->` … `<!-- /bench:NAME -->` of a text.
 * NAME is that of a results document, and may go on with `:tables` or `:charts`,
 * and with `:matmul` or `:matmulTransposed`, to show that part only.
 *
 * @throws ArgumentError for an unknown name or part, or a region without its end.
 */
export async function renderReadme(
  text: string,
  { results, chartFolder }: ReadmeOptions,
): Promise<RenderedReadme> {
  const charts = new Map<string, string>();
  const matches = [...text.matchAll(REGION)];
  const opened = [...text.matchAll(OPENING)].map((match) => match[1]!);
  const closed = matches.map((match) => match[1]!);
  const open = opened.find((name, i) => name !== closed[i]);
  if (open !== undefined) {
    throw invalid(`<!-- bench:${open} -->`, `<!-- /bench:${open} --> after it`, "none");
  }
  let result = "";
  let end = 0;
  for (const match of matches) {
    const name = match[1]!;
    const body = await renderRegion(name, results, chartFolder, charts);
    result += `${text.slice(end, match.index)}<!-- bench:${name} -->\n${body}\n<!-- /bench:${name} -->`;
    end = match.index + match[0].length;
  }
  return { text: result + text.slice(end), charts, regions: closed };
}

const PARTS = ["tables", "charts"];

async function renderRegion(
  name: string,
  documents: ReadonlyMap<string, Results>,
  chartFolder: string,
  charts: Map<string, string>,
): Promise<string> {
  const [file, ...selectors] = name.split(":");
  const document = documents.get(file!);
  if (!document) throw invalid(`bench:${name}`, [...documents.keys()].join(", "), file);
  const unknown = selectors.find((part) => !([...PARTS, ...DIRECTIONS] as string[]).includes(part));
  if (unknown) throw invalid(`bench:${name}`, [...PARTS, ...DIRECTIONS].join(", "), unknown);
  const wants = (part: string, among: readonly string[]) =>
    selectors.includes(part) || !selectors.some((selector) => among.includes(selector));

  const rows = document.rows.filter((row) => wants(row.direction, DIRECTIONS));
  const blocks: string[] = [];
  for (const group of groupRows(rows)) {
    blocks.push(`**${group.title}**`);
    if (wants("charts", PARTS)) {
      const id = `${file}-${slug(group.rows[0]!)}`;
      blocks.push(await addCharts(id, group.title, group.rows, chartFolder, charts));
    }
    if (wants("tables", PARTS)) {
      blocks.push(markdownTable(tableOf(group.rows, contendersIn(group.rows))));
    }
  }
  blocks.push(describe(document, rows));
  return blocks.join("\n\n");
}

async function addCharts(
  id: string,
  title: string,
  rows: readonly Row[],
  folder: string,
  charts: Map<string, string>,
): Promise<string> {
  const images: string[] = [];
  for (const kind of ["time", "ratio"] as const) {
    const svg = await renderChart(rows, kind, { legend: true, standalone: true });
    if (svg === undefined) continue;
    const name = `${id}-${kind}.svg`;
    charts.set(name, `${svg}\n`);
    images.push(`![${kind} against M: ${title}](${folder}/${name})`);
  }
  return images.join("\n");
}

/** Tells apart the groups of one document, which is of one device. */
function slug({ direction, dtype, n, k, groupSize, cold }: Row): string {
  return [direction, dtype, `n${n}`, `k${k}`, `g${groupSize}`, cold || "warm"].join("-");
}

function markdownTable([head, ...rows]: string[][]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head!), line(head!.map(() => "--:")), ...rows.map(line)].join("\n");
}

/** Where and when, what the columns are, and how to read a cell. */
function describe({ machine, date, commit }: Results, rows: readonly Row[]): string {
  const present = contendersIn(rows);
  const own = rows[0] ? labelOf(ownName(rows[0])) : "the device";
  const meanings = CONTENDERS.filter(([name]) => present.includes(name)).map(
    ([, label, meaning]) => `${label}: ${meaning}.`,
  );
  const peers = Object.entries(machine.peers).map(([name, settings]) => `${name} ${settings}.`);
  return [
    `Measured ${date.slice(0, 10)}${commit ? ` at ${formatCommit(commit)}` : ""} on ${placeOf(rows, machine)}, Node ${machine.node}.`,
    ...Object.entries(machine.ceilings).map(
      ([device, ceiling]) => `${formatCeiling(device, ceiling)}.`,
    ),
    `Medians; n× after a time: it takes n times as long as ${own}; “tie”: the 10th to 90th percentiles overlap.`,
    ...singleRunNotes(rows),
    ...meanings,
    ...peers,
  ].join(" ");
}

/** What computed: the GPU, and the machine around it; or the machine. */
function placeOf(rows: readonly Row[], machine: Machine): string {
  const host = `${machine.cpu}, ${machine.cores} cores`;
  const gpu = rows.find(({ device }) => device === "cuda")?.deviceName;
  if (gpu === undefined) return host;
  return `${gpu}${machine.driver ? `, driver ${machine.driver}` : ""}, in a machine with ${host}`;
}

function invalid(subject: string, expected: string, received: unknown): ArgumentError {
  const fix = "Correct the marker, or add the results document.";
  return invalidValue(subject, expected, received, fix);
}
