import { describe, expect, it } from "vitest";
import { compareResults, renderComparison } from "../src/compare.js";
import { results, row } from "./helpers/results.js";

const older = results([
  row(16, { fused: 100, onnxruntime0: 200 }),
  row(32, { fused: 100 }),
  row(64, { fused: 100 }),
]);

describe("compareResults", () => {
  it("counts differences inside the noise as none", () => {
    const newer = results([row(16, { fused: 104, onnxruntime0: 192 })]);
    const { changes, regressions, compared } = compareResults(older, newer, 0.01);
    expect({ changes, regressions, compared }).toEqual({
      changes: [],
      regressions: [],
      compared: 2,
    });
  });

  it("lists what changed, the largest slowdown first, and our own past the threshold", () => {
    const newer = results([
      row(16, { fused: 50, onnxruntime0: 900 }),
      row(32, { fused: 130 }),
      row(64, { fused: 112 }),
    ]);
    const { changes, regressions } = compareResults(older, newer, 0.2);
    expect(changes.map(({ contender, before, after }) => [contender, before, after])).toEqual([
      ["onnxruntime0", 200, 900],
      ["fused", 100, 130],
      ["fused", 100, 112],
      ["fused", 100, 50],
    ]);
    // A peer that became slower is no regression of ours, and 12% is below the threshold.
    expect(regressions.map(({ after }) => after)).toEqual([130]);
  });

  it("matches products by all that makes them different", () => {
    const newer = results([
      row(16, { fused: 500 }, { cold: false }),
      row(32, { fused: 500 }, { direction: "matmulTransposed" }),
      row(64, { fused: 500 }, { dtype: "float16" }),
    ]);
    const { compared, unmatched } = compareResults(older, newer, 0.1);
    expect(compared).toBe(0);
    expect(unmatched).toHaveLength(6);
  });

  it("takes the unfused product of the reference for ours", () => {
    const reference = (time: number) =>
      results([row(16, { unfused: time, dense: time }, { device: "reference" })]);
    const { regressions } = compareResults(reference(100), reference(200), 0.1);
    expect(regressions.map(({ contender }) => contender)).toEqual(["unfused"]);
  });

  it("warns of another machine", () => {
    const other = { ...older, machine: { ...older.machine, cpu: "Other" } };
    expect(compareResults(older, other, 0.1).warnings).toEqual([
      "measured on different CPUs: Some <CPU>; Other",
    ]);
  });
});

it("renderComparison says what changed in words", () => {
  const newer = results([row(16, { fused: 50, onnxruntime0: 200 }), row(32, { fused: 130 })]);
  expect(renderComparison(compareResults(older, newer, 0.2))).toMatchInlineSnapshot(`
    "1.30× slower  fused  100 µs → 130 µs  cpu matmul bfloat16 M 32, N 4096, K 4096, G 128, cold: operands rotated over more than twice the last-level cache
    2.00× faster  fused  100 µs → 50.0 µs  cpu matmul bfloat16 M 16, N 4096, K 4096, G 128, cold: operands rotated over more than twice the last-level cache
    in one only  cpu matmul bfloat16 M 64, N 4096, K 4096, G 128, cold: operands rotated over more than twice the last-level cache
    3 times compared, 2 changed beyond noise, 1 of ours slower by more than 20.0%
    "
  `);
});
