/** Log-log charts of time and ratio against M, as SVG, drawn without a browser. */
import type { TopLevelSpec } from "vega-lite";
import type { Row } from "../results.js";
import { contendersIn, labelOf, ownName } from "./format.js";
import { colourOf, INK, paletteCss, useVariables } from "./palette.js";

/** Times, or how many times as long the others take. */
export type ChartKind = "time" | "ratio";

/** How a chart is to be used. */
export interface ChartOptions {
  /** Names the lines in the drawing; without it, the page around must. */
  readonly legend: boolean;
  /** Carries its own colours, for use as a file. */
  readonly standalone: boolean;
  readonly title?: string;
}

/** Wide enough to read, narrow enough for a phone. */
const WIDTH = 300;
const HEIGHT = 240;

/** A contender's median at one M, and its interval. */
interface Point {
  readonly m: number;
  readonly contender: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** A chart of rows that differ in M only; undefined where there is nothing to draw. */
export async function renderChart(
  rows: readonly Row[],
  kind: ChartKind,
  options: ChartOptions,
): Promise<string | undefined> {
  const points = rows.flatMap((row) => (kind === "time" ? timesOf(row) : ratiosOf(row)));
  if (points.length === 0) return undefined;
  const names = contendersIn(rows);
  const spec = specification(points, names, rows, kind, options);
  // Large, and ES modules only: loaded when a chart is asked for.
  const { parse, View } = await import("vega");
  const { compile } = await import("vega-lite");
  const view = new View(parse(compile(spec).spec), { renderer: "none" });
  const svg = useVariables(await view.toSVG());
  view.finalize();
  if (!options.standalone) return svg;
  return svg.replace(/<svg[^>]*>/, (tag) => `${tag}<style>${paletteCss("svg")}</style>`);
}

function timesOf(row: Row): Point[] {
  return Object.entries(row.times).map(([contender, { median, p10, p90 }]) => {
    return { m: row.m, contender: labelOf(contender), value: median, low: p10, high: p90 };
  });
}

/** How many times as long the others take. The interval is that of the extremes of both. */
function ratiosOf(row: Row): Point[] {
  const own = row.times[ownName(row)];
  if (!own) return [];
  return Object.entries(row.times)
    .filter(([name]) => name !== ownName(row))
    .map(([name, theirs]) => ({
      m: row.m,
      contender: labelOf(name),
      value: theirs.median / own.median,
      low: theirs.p10 / own.p90,
      high: theirs.p90 / own.p10,
    }));
}

/** Reads a time on the axis, in microseconds, in the unit that suits it; or a ratio. */
const LABELS: Readonly<Record<ChartKind, string>> = {
  time: "datum.value >= 1e6 ? datum.value / 1e6 + ' s' : datum.value >= 1e3 ? datum.value / 1e3 + ' ms' : datum.value + ' µs'",
  ratio: "datum.value + '×'",
};

const CONFIG = {
  font: "system-ui, sans-serif",
  view: { stroke: null },
  axis: {
    labelColor: INK.text.light,
    titleColor: INK.faint.light,
    gridColor: INK.grid.light,
    domainColor: INK.grid.light,
    tickColor: INK.grid.light,
    labelFontSize: 11,
    titleFontSize: 11,
    titleFontWeight: "normal" as const,
  },
  legend: { labelColor: INK.text.light, labelFontSize: 11 },
  title: { color: INK.text.light, fontWeight: 600 as const },
};

function specification(
  points: readonly Point[],
  names: readonly string[],
  rows: readonly Row[],
  kind: ChartKind,
  options: ChartOptions,
): TopLevelSpec {
  const x = axisOfM(rows);
  const title = kind === "time" ? "time" : `time over ${labelOf(ownName(rows[0]!))}`;
  const values = ticks(points.flatMap(({ low, high }) => [low, high]));
  const y = (field: string) => ({
    field,
    type: "quantitative" as const,
    scale: { type: "log" as const, nice: false, padding: 12 },
    axis: { title, labelExpr: LABELS[kind], values },
  });
  const color = colourScale(names, options.legend);
  const intervals = {
    mark: { type: "rule" as const, opacity: 0.45, strokeWidth: 4 },
    encoding: { x, y: y("low"), y2: { field: "high" }, color },
  };
  const lines = {
    mark: { type: "line" as const, strokeWidth: 1.8 },
    encoding: { x, y: y("value"), color },
  };
  const dots = {
    mark: { type: "point" as const, filled: true, size: 34, opacity: 1 },
    encoding: { x, y: y("value"), color },
  };
  return {
    width: WIDTH,
    height: HEIGHT,
    padding: 4,
    background: "transparent",
    ...(options.title ? { title: { text: options.title, anchor: "start", fontSize: 12 } } : {}),
    data: { values: [...points] },
    layer: [...baseline(rows, kind, x, y), intervals, lines, dots],
    config: CONFIG,
  } as TopLevelSpec;
}

/** M, doubling, labelled where a row was measured. */
function axisOfM(rows: readonly Row[]) {
  const sizes = [...new Set(rows.map(({ m }) => m))].sort((a, b) => a - b);
  return {
    field: "m",
    type: "quantitative" as const,
    scale: { type: "log" as const, base: 2, domain: [sizes[0]!, sizes.at(-1)!], nice: false },
    axis: {
      values: sizes,
      format: "d",
      title: "M (rows of activations)",
      grid: true,
      labelOverlap: "greedy" as const,
      labelFlush: false,
    },
  };
}

function colourScale(names: readonly string[], legend: boolean) {
  return {
    field: "contender",
    type: "nominal" as const,
    scale: {
      domain: names.map(labelOf),
      range: names.map((name) => colourOf(name).light),
    },
    sort: null,
    legend: legend
      ? {
          title: null,
          orient: "bottom" as const,
          columns: 4,
          symbolType: "circle",
          symbolOpacity: 1,
        }
      : null,
  };
}

/** What lines are judged by, dashed: the floor of a time, where it is known; 1 for a ratio. */
function baseline(
  rows: readonly Row[],
  kind: ChartKind,
  x: ReturnType<typeof axisOfM>,
  y: (field: string) => object,
): object[] {
  const stroke = { color: INK.floor.light, strokeDash: [4, 3] };
  if (kind === "ratio") {
    const mark = { type: "rule", ...stroke };
    return [{ data: { values: [{ one: 1 }] }, mark, encoding: { y: y("one") } }];
  }
  const values = rows.filter((row) => row.floor !== null).map(({ m, floor }) => ({ m, floor }));
  if (values.length === 0) return [];
  return [{ data: { values }, mark: { type: "line", ...stroke }, encoding: { x, y: y("floor") } }];
}

/** Powers of ten from the smallest to the largest value, with 2 and 5 between where there are few. */
export function ticks(values: readonly number[]): number[] {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.ceil(Math.log10(Math.max(...values)));
  const steps = high - low <= 2 ? [1, 2, 5] : high - low <= 4 ? [1, 3] : [1];
  const ticks: number[] = [];
  for (let exponent = low; exponent <= high; exponent++) {
    // By way of text: 10 ** -1 · 3 would be 0.30000000000000004.
    for (const step of steps) ticks.push(Number(`${step}e${exponent}`));
  }
  return ticks;
}
