import { describe, expect, it } from "vitest";
import { ratio, summarize } from "../src/timing/statistics.js";

describe("summarize", () => {
  it("gives median, p10 and p90, between neighbours where needed", () => {
    const samples = Array.from({ length: 11 }, (_, i) => 10 - i);
    expect(summarize(samples)).toEqual({ median: 5, p10: 1, p90: 9 });
    expect(summarize([4, 1])).toEqual({ median: 2.5, p10: 1.3, p90: 3.7 });
    expect(summarize([7])).toEqual({ median: 7, p10: 7, p90: 7 });
  });
});

describe("ratio", () => {
  const ours = { median: 10, p10: 9, p90: 12 };

  it("says how many times as long theirs takes", () => {
    const theirs = { median: 20, p10: 18, p90: 30 };
    expect(ratio(theirs, ours)).toEqual({ value: 2, tie: false, single: false });
  });

  it("is a tie where the intervals overlap, on either side", () => {
    expect(ratio({ median: 13, p10: 11, p90: 15 }, ours).tie).toBe(true);
    expect(ratio({ median: 8, p10: 7, p90: 9 }, ours).tie).toBe(true);
    expect(ratio({ median: 8, p10: 7, p90: 8.9 }, ours).tie).toBe(false);
  });

  it("knows what was run only once", () => {
    expect(ratio({ median: 20, p10: 20, p90: 20 }, ours).single).toBe(true);
  });
});
