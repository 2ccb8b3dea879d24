/** The report as text, and as a browser sees it. */
import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { renderChart, ticks } from "../src/report/charts.js";
import { renderReport } from "../src/report/html.js";
import { temporaryFolder } from "./helpers/folder.js";
import { results, row } from "./helpers/results.js";

const times = (m: number) => ({ fused: 50 + m, onnxruntime0: 200 + 9 * m, dense: 300 + 10 * m });
const document = results([16, 32, 128, 1024].map((m) => row(m, times(m))));

const chromium = ["chromium", "chromium-browser", "google-chrome"].find(
  (name) => spawnSync(name, ["--version"]).status === 0,
);

describe("renderReport", () => {
  let html: string;
  beforeAll(async () => {
    html = await renderReport(document);
  });

  it("holds charts and figures, and nothing from elsewhere", () => {
    expect(html.match(/<svg/g)).toHaveLength(2);
    expect(html).toContain("66.0 µs");
    expect(html).not.toMatch(/<script|<link|<img|@import|url\(|(?:src|href)="http/);
  });

  it("escapes what comes from the machine", () => {
    expect(html).toContain("Some &lt;CPU&gt;");
    expect(html).not.toContain("<CPU>");
  });

  it("draws with variables, so that light and dark differ", () => {
    expect(html).toContain('stroke="var(--fused)"');
    expect(html).toContain("prefers-color-scheme:dark");
    expect(html).not.toMatch(/(?:stroke|fill)="#[0-9a-f]{6}"/);
  });

  it("bears rows without times", async () => {
    const empty = await renderReport(results([row(16, {}, { relativeError: null })]));
    expect(empty).toContain("NaN");
    expect(empty).not.toContain("<svg");
  });
});

describe.skipIf(!chromium)("in headless Chromium (skipped where it is not installed)", () => {
  const folder = temporaryFolder();
  const file = join(folder, "report.html");

  /** What a script in the page finds, at a width and in a colour scheme. */
  function evaluate<T>(html: string, script: string, width: number, dark: boolean): T {
    // The result is left in the page's title, which --dump-dom shows.
    const probe = `<script>addEventListener("load",()=>{document.title="RESULT"+JSON.stringify((()=>{${script}})())+"END"})</script>`;
    writeFileSync(file, html + probe);
    const dom = execFileSync(
      chromium!,
      [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        `--user-data-dir=${join(folder, "profile")}`,
        `--blink-settings=preferredColorScheme=${dark ? 0 : 1}`,
        `--window-size=${width},900`,
        "--dump-dom",
        pathToFileURL(file).href,
      ],
      { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], timeout: 50_000 },
    );
    return JSON.parse(/RESULT(.*?)END/.exec(dom)![1]!.replaceAll("&lt;", "<"));
  }

  // Chromium makes no window narrower than 500 pixels, so a phone is a frame of its width.
  const phone = (html: string) =>
    `<!doctype html><html><body style="margin:0"><iframe style="width:360px;height:3000px;border:0" srcdoc="${html
      .replaceAll("&", "&amp;")
      .replaceAll('"', "&quot;")}"></iframe></html>`;

  it("does not scroll sideways on a phone, where charts fill the width", async () => {
    const script = `
      const page = frames[0].document;
      const charts = [...page.querySelectorAll("figure svg")].map((svg) => svg.getBoundingClientRect());
      return { inner: frames[0].innerWidth, scroll: page.documentElement.scrollWidth,
        widths: charts.map(({ width }) => width), tops: charts.map(({ top }) => top) };`;
    type Layout = { inner: number; scroll: number; widths: number[]; tops: number[] };
    const html = phone(await renderReport(document));
    const { inner, scroll, widths, tops } = evaluate<Layout>(html, script, 800, false);
    expect(inner).toBe(360);
    expect(scroll).toBeLessThanOrEqual(inner);
    for (const width of widths) expect(width).toBeGreaterThan(280);
    expect(tops[1]).toBeGreaterThan(tops[0]! + 200);
  });

  it("sets charts side by side on a desk, with lines and legible text", async () => {
    const script = `
      const charts = [...document.querySelectorAll("figure svg")];
      const texts = [...document.querySelectorAll("figure svg text")];
      return { tops: charts.map((svg) => svg.getBoundingClientRect().top),
        lines: charts.map((svg) => svg.querySelectorAll(".mark-line path").length),
        smallest: Math.min(...texts.map((text) => text.getBoundingClientRect().height)) };`;
    type Layout = { tops: number[]; lines: number[]; smallest: number };
    const layout = evaluate<Layout>(await renderReport(document), script, 1200, false);
    expect(layout.tops[1]).toBe(layout.tops[0]);
    // Three contenders and the floor; two ratios.
    expect(layout.lines).toEqual([4, 2]);
    expect(layout.smallest).toBeGreaterThan(9);
  });

  it("is dark where the reader's system is, text and lines too", async () => {
    const script = `
      const colour = (selector, property) => getComputedStyle(document.querySelector(selector))[property];
      return { page: colour("body", "backgroundColor"), text: colour("body", "color"),
        label: colour("figure svg text", "fill"), line: colour("figure svg .mark-line path", "stroke") };`;
    type Colours = Record<"page" | "text" | "label" | "line", string>;
    const html = await renderReport(document);
    const light = evaluate<Colours>(html, script, 1200, false);
    const dark = evaluate<Colours>(html, script, 1200, true);
    const brightness = (colour: string) =>
      colour
        .match(/\d+/g)!
        .slice(0, 3)
        .reduce((sum, part) => sum + Number(part), 0) / 765;
    expect(brightness(light.page)).toBeGreaterThan(0.9);
    expect(brightness(dark.page)).toBeLessThan(0.15);
    for (const part of ["text", "label"] as const) {
      expect(brightness(light[part])).toBeLessThan(0.35);
      expect(brightness(dark[part])).toBeGreaterThan(0.7);
    }
    expect(dark.line).not.toBe(light.line);
  });
});

describe("renderChart", () => {
  it("as a file carries its colours and its legend", async () => {
    const svg = await renderChart(document.rows, "time", { legend: true, standalone: true });
    expect(svg).toContain("<style>svg{--text:");
    expect(svg).toContain("ORT 0</text>");
  });

  it("draws the same bytes every time", async () => {
    const options = { legend: true, standalone: true };
    const once = await renderChart(document.rows, "ratio", options);
    expect(await renderChart(document.rows, "ratio", options)).toBe(once);
  });
});

describe("ticks", () => {
  it("divides decades where there are few of them", () => {
    expect(ticks([0.5, 12])).toEqual([0.1, 0.3, 1, 3, 10, 30, 100, 300]);
    expect(ticks([2, 90])).toEqual([1, 2, 5, 10, 20, 50, 100, 200, 500]);
    expect(ticks([1, 1e5])).toEqual([1, 10, 100, 1e3, 1e4, 1e5]);
  });
});
