import { describe, expect, it } from "vitest";
import { parseResults } from "../src/results.js";
import { results, row } from "./helpers/results.js";

const parse = (document: unknown) => parseResults("some.json", JSON.stringify(document));

describe("parseResults", () => {
  it("gives back what was written", () => {
    const document = results([row(16, { fused: 1 })]);
    expect(parse(document)).toEqual(document);
  });

  it.each([
    ["text", () => parseResults("some.json", "no JSON")],
    ["null", () => parse(null)],
    ["another schema", () => parse({ ...results([]), schema: 2 })],
    ["no rows", () => parse({ ...results([]), rows: undefined })],
    ["a machine that is null", () => parse({ ...results([]), machine: null })],
    ["a machine without a CPU", () => parse({ ...results([]), machine: {} })],
    ["times that are null", () => parse(results([{ ...row(1, {}), times: null as never }]))],
    [
      "a time that is null",
      () => parse(results([{ ...row(1, {}), times: { fused: null as never } }])),
    ],
    [
      "a time that is text",
      () =>
        parse(
          results([
            { ...row(1, {}), times: { fused: { median: "1", p10: "1", p90: "1" } as never } },
          ]),
        ),
    ],
    [
      "a negative time",
      () => parse(results([{ ...row(1, {}), times: { fused: { median: -1, p10: -1, p90: -1 } } }])),
    ],
    ["a row without a size", () => parse(results([row(1.5, {})]))],
    [
      "an interval that does not hold its median",
      () => parse(results([{ ...row(1, {}), times: { fused: { median: 1, p10: 2, p90: 3 } } }])),
    ],
  ])("refuses %s", (_, act) => {
    expect(act).toThrow(/some\.json: expected a results document of schema 1/);
  });
});
