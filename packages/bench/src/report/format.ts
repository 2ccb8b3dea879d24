/** Numbers and names as people read them: shared by the terminal, the report and the README. */
import type { Ceiling, Cold, Measure, Row, Timing } from "../results.js";
import { isSingle, ratio } from "../timing/statistics.js";

/** Contenders in the order of columns, with short names and what they are. */
export const CONTENDERS: readonly (readonly [name: string, label: string, meaning: string])[] = [
  ["fused", "fused", "w4a16's kernel: int4 weights dequantized inside the product"],
  ["unfused", "unfused", "dequantize, then multiply"],
  ["dense", "dense", "the same product with a weight that is not quantized"],
  ["onnxruntime0", "ORT 0", "onnxruntime-node MatMulNBits, accuracy_level 0, integer zero points"],
  ["onnxruntime4", "ORT 4", "the same at accuracy_level 4: activations rounded to int8"],
  ["onnxruntime0-float", "ORT 0 f", "accuracy_level 0, real-valued zero points as HQQ makes them"],
  ["onnxruntime4-float", "ORT 4 f", "accuracy_level 4, real-valued zero points"],
  ["onnxruntime-web", "ORT web", "onnxruntime-web (WebAssembly) MatMulNBits, integer zero points"],
];

/** The short name of a contender, for columns and lines. */
export function labelOf(name: string): string {
  return CONTENDERS.find(([known]) => known === name)?.[1] ?? name;
}

/** The names in any of the rows, in column order; names unknown here come last. */
export function contendersIn(rows: readonly Row[]): string[] {
  const present = new Set(rows.flatMap((row) => Object.keys(row.times)));
  const known = CONTENDERS.map(([name]) => name).filter((name) => present.has(name));
  return [...known, ...[...present].filter((name) => !known.includes(name))];
}

/** The device's own product in a row: fused, or unfused where there is no other. */
export function ownName(row: Row): string {
  return row.device === "reference" ? "unfused" : "fused";
}

/** Those of `names` that could have run beside the rows' device: ONNX Runtime computes on the host. */
export function peersOf(rows: readonly Row[], names: readonly string[]): readonly string[] {
  const onHost = rows.some(({ device }) => device !== "cuda");
  return onHost ? names : names.filter((name) => !name.startsWith("onnxruntime"));
}

/** Twelve digits of a commit, and "-dirty" where it was. */
export function formatCommit(commit: string): string {
  return commit.replace(/^(.{12})[^-]*/, "$1");
}

/** A time in the unit that suits it. */
export function formatTime(microseconds: number): string {
  if (microseconds < 1e3) return `${digits(microseconds)} µs`;
  if (microseconds < 1e6) return `${digits(microseconds / 1e3)} ms`;
  return `${digits(microseconds / 1e6)} s`;
}

/** Three significant digits, without an exponent. */
export function digits(value: number): string {
  if (value === 0) return "0";
  const decimals = 2 - Math.floor(Math.log10(Math.abs(value)));
  return value.toFixed(Math.max(0, Math.min(6, decimals)));
}

/** Multiplications and additions a second of a row's own time. */
function formatRate(row: Row, timing: Timing): string {
  const perSecond = (2 * row.m * row.n * row.k) / (timing.median * 1e-6);
  return formatOperations(perSecond);
}

function formatOperations(perSecond: number): string {
  if (perSecond >= 1e12) return `${digits(perSecond / 1e12)} TFLOP/s`;
  return `${digits(perSecond / 1e9)} GFLOP/s`;
}

/** The floor's share of a time: 100% cannot be beaten. */
function formatFloor(row: Row, timing: Timing): string {
  return row.floor === null ? "–" : `${Math.round((100 * row.floor) / timing.median)}%`;
}

/** What a device was found to do at most, and how that was measured. */
export function formatCeiling(device: string, ceiling: Ceiling): string {
  const { bytesPerSecond, operationsPerSecond, method } = ceiling;
  const rate = operationsPerSecond === null ? "–" : formatOperations(operationsPerSecond);
  return `floor of ${device}: ${digits(bytesPerSecond / 1e9)} GB/s, ${rate} (${method})`;
}

function formatError(error: number | null): string {
  return error === null ? "NaN" : error.toExponential(1);
}

/** How many times as long `theirs` takes as `ours`; a tie where noise hides the order. */
function formatRatio(theirs: Timing, ours: Timing): string {
  const { value, tie, single } = ratio(theirs, ours);
  if (single) return `~${digits(value)}×`;
  return tie ? "tie" : `${digits(value)}×`;
}

function formatInterval(timing: Timing): string {
  if (isSingle(timing)) return "one run";
  return `${formatTime(timing.p10)} – ${formatTime(timing.p90)}`;
}

/** What the caches held, in words. */
export function describeCold(cold: Cold): string {
  switch (cold) {
    case "written":
      return "cold: 256 MB written before each run";
    case "clean":
      return "cold: 256 MB read before each run";
    case "rotated":
      return "cold: operands rotated over more than twice the last-level cache";
    case false:
      return "warm: the same operands in every run";
  }
}

/** What "~" before a ratio means, where any of the rows has one. */
export function singleRunNotes(rows: readonly Row[]): string[] {
  const single = rows.some((row) => Object.values(row.times).some(isSingle));
  return single ? ["~n×: one of the two was too slow to repeat and ran once."] : [];
}

/** A value in the unit of its measure. */
export function formatMeasure({ unit }: Measure, value: number): string {
  return unit === "MiB" ? `${digits(value)} MiB` : formatTime(value * (unit === "ms" ? 1000 : 1));
}

/** Rows that one table or chart can show: all but M alike. */
export interface RowGroup {
  readonly title: string;
  readonly rows: readonly Row[];
}

/** The rows in groups that one table or chart can show, in order of their first. */
export function groupRows(rows: readonly Row[]): RowGroup[] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const { device, direction, dtype, n, k, groupSize, cold } = row;
    const title = `${device}, ${direction}, N ${n}, K ${k}, G ${groupSize}, ${dtype}, ${describeCold(cold)}`;
    const group = groups.get(title);
    if (group) group.push(row);
    else groups.set(title, [row]);
  }
  return [...groups].map(([title, members]) => ({ title, rows: members }));
}

/** Header and cells of a group's table. */
export function tableOf(rows: readonly Row[], columns: readonly string[]): string[][] {
  const own = ownName(rows[0]!);
  const others = columns.filter((name) => name !== own);
  const head = ["M", labelOf(own), "p10 – p90", "rate", "of floor", "error"];
  return [[...head, ...others.map(labelOf)], ...rows.map((row) => cellsOf(row, own, others))];
}

function cellsOf(row: Row, own: string, others: readonly string[]): string[] {
  const ours = row.times[own];
  const error = formatError(row.relativeError);
  if (!ours) return [String(row.m), "–", "–", "–", "–", error, ...others.map(() => "–")];
  return [
    String(row.m),
    formatTime(ours.median),
    formatInterval(ours),
    formatRate(row, ours),
    formatFloor(row, ours),
    error,
    ...others.map((name) => {
      const theirs = row.times[name];
      return theirs ? `${formatTime(theirs.median)} ${formatRatio(theirs, ours)}` : "–";
    }),
  ];
}
