import { describe, expect, it } from "vitest";
import { renderReadme } from "../src/report/markdown.js";
import { results, row } from "./helpers/results.js";

const documents = new Map([
  [
    "cpu",
    results([
      row(16, { fused: 100, onnxruntime0: 250 }),
      row(32, { fused: 150, onnxruntime0: 152 }),
      row(16, { fused: 110 }, { direction: "matmulTransposed" }),
    ]),
  ],
]);
const options = { results: documents, chartFolder: "results" };
const page = (name: string) =>
  `# Title\n<!-- bench:${name} -->\nstale\n<!-- /bench:${name} -->\nend\n`;

describe("renderReadme", () => {
  it("replaces what is between the markers by tables and charts", async () => {
    const { text, charts, regions } = await renderReadme(page("cpu"), options);
    expect(regions).toEqual(["cpu"]);
    expect(text).not.toContain("stale");
    expect(text.startsWith("# Title\n<!-- bench:cpu -->\n")).toBe(true);
    expect(text.endsWith("<!-- /bench:cpu -->\nend\n")).toBe(true);
    expect(text).toContain(
      "| 16 | 100 µs | 95.0 µs – 105 µs | 5.37 TFLOP/s | 160% | 1.0e-7 | 250 µs 2.50× |",
    );
    expect(text).toContain("152 µs tie |");
    const name = "cpu-matmul-bfloat16-n4096-k4096-g128-rotated-time.svg";
    expect(text).toContain(`](results/${name})`);
    expect(charts.get(name)).toMatch(/^<svg/);
  });

  it("changes nothing when it runs again", async () => {
    const { text } = await renderReadme(page("cpu"), options);
    expect((await renderReadme(text, options)).text).toBe(text);
  });

  it("shows the part that is asked for", async () => {
    const tables = await renderReadme(page("cpu:tables:matmulTransposed"), options);
    expect(tables.charts.size).toBe(0);
    expect(tables.text).toContain("110 µs");
    expect(tables.text).not.toContain("250 µs");
    const drawn = await renderReadme(page("cpu:charts:matmul"), options);
    expect(drawn.charts.size).toBe(2);
    expect(drawn.text).not.toContain("| M |");
  });

  it("says of files that differed from the commit", async () => {
    const clean = await renderReadme(page("cpu:tables"), options);
    expect(clean.text).toContain(" at 0123456789ab on ");
    const document = { ...documents.get("cpu")!, commit: `${documents.get("cpu")!.commit}-dirty` };
    const dirty = { ...options, results: new Map([["cpu", document]]) };
    const { text } = await renderReadme(page("cpu:tables"), dirty);
    expect(text).toContain(" at 0123456789ab-dirty on ");
  });

  it("leaves a text without markers as it is", async () => {
    expect((await renderReadme("nothing\n", options)).text).toBe("nothing\n");
  });

  it.each([
    ["an unknown document", page("gpu"), /bench:gpu: expected cpu, received "gpu"/],
    ["an unknown part", page("cpu:tabels"), /expected tables, charts, matmul/],
    ["a region without an end", "<!-- bench:cpu -->\n", /expected <!-- \/bench:cpu -->/],
  ])("refuses %s", async (_, text, message) => {
    await expect(renderReadme(text, options)).rejects.toThrow(message);
  });
});
