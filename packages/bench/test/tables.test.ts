import { describe, expect, it } from "vitest";
import { renderResults, splitColumns } from "../src/cli/tables.js";
import type { Results } from "../src/results.js";
import { results, row } from "./helpers/results.js";

describe("renderResults", () => {
  const document: Results = {
    ...results([
      row(16, { fused: 100, onnxruntime0: 250 }),
      row(1024, { fused: 2000, onnxruntime0: 2050 }, { relativeError: 0.5 }),
      row(2048, {}, { floor: null, relativeError: null }),
    ]),
    measures: [
      { suite: "pack", name: "packLinear", unit: "ms", median: 50, p10: 40, p90: 60 },
      { suite: "memory", name: "Int4Weight", unit: "MiB", median: 9, p10: 9, p90: 9 },
    ],
  };

  it("shows medians, ratios, ties, blanks and what they mean", () => {
    expect(renderResults(document, ["onnxruntime0", "dense"])).toMatchSnapshot();
  });

  it("stays inside the terminal", () => {
    const text = renderResults(document, ["onnxruntime0", "dense"], 60);
    const tables = text.split("\n").filter((line) => /^ +(M|16|1024|2048) /.test(line));
    expect(tables).toHaveLength(8);
    for (const line of tables) expect(line.length).toBeLessThanOrEqual(60);
  });
});

describe("splitColumns", () => {
  const table = [
    ["M", "one", "two", "three"],
    ["16", "1", "2", "3"],
  ];

  it("keeps what fits in one table", () => {
    expect(splitColumns(table, 100)).toEqual([table]);
  });

  it("repeats the first column in each part, and bears any width", () => {
    expect(splitColumns(table, 18)).toEqual([
      [
        ["M", "one", "two"],
        ["16", "1", "2"],
      ],
      [
        ["M", "three"],
        ["16", "3"],
      ],
    ]);
    expect(splitColumns(table, 1)).toHaveLength(3);
  });
});
