import { describe, expect, it } from "vitest";
import { interleave, runCount, settle } from "../src/timing/interleave.js";

describe("runCount", () => {
  it("fills the budget, up to the most", () => {
    expect(runCount(10, 1000, 50)).toBe(50);
    expect(runCount(100, 1000, 50)).toBe(10);
  });

  it("stretches the budget for three runs, and runs what is slower still once", () => {
    expect(runCount(600, 1000, 50)).toBe(3);
    expect(runCount(700, 1000, 50)).toBe(1);
  });
});

describe("interleave", () => {
  const recorder = (log: string[], name: string, estimateMs: number) => ({
    estimateMs,
    run: (turn: number) => void log.push(`${name}${turn}`),
  });

  it("takes turns, starts each round with another, and spreads the slow over the rounds", async () => {
    const log: string[] = [];
    const samples = await interleave([recorder(log, "a", 1), recorder(log, "b", 2)], {
      budgetMs: 8,
      mostRuns: 6,
    });
    expect(samples.map((runs) => runs.length)).toEqual([6, 4]);
    expect(log).toEqual(["a1", "b1", "b2", "a2", "a3", "b3", "a4", "a5", "b4", "a6"]);
  });

  it("measures microseconds, without the preparation", async () => {
    const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
    const [runs] = await interleave([{ estimateMs: 20, run: () => wait(20) }], {
      budgetMs: 60,
      mostRuns: 3,
      before: () => wait(250),
    });
    expect(runs).toHaveLength(3);
    for (const time of runs!) {
      expect(time).toBeGreaterThan(15_000);
      expect(time).toBeLessThan(240_000);
    }
  });

  it("stops at an abort and keeps what it has", async () => {
    const controller = new AbortController();
    let runs = 0;
    const run = () => {
      if (++runs === 3) controller.abort();
    };
    const samples = await interleave([{ estimateMs: 1, run }], {
      budgetMs: 100,
      mostRuns: 50,
      signal: controller.signal,
    });
    expect(samples).toEqual([[expect.any(Number), expect.any(Number), expect.any(Number)]]);
  });
});

describe("settle", () => {
  /** Processor time of windows, each read twice: before and after. */
  const usage = (windows: readonly number[]) => {
    let reads = 0;
    let total = 0;
    return () => {
      if (reads++ % 2 === 1) total += windows[(reads >> 1) - 1] ?? 0;
      return total;
    };
  };

  it("waits for two quiet windows in a row", async () => {
    expect(await settle(usage([5000, 9000, 0, 4000, 900, 10]))).toBe(6);
    expect(await settle(usage([]))).toBe(2);
  });

  it("gives up on threads that never stop", async () => {
    expect(await settle(usage(Array(1000).fill(5000)))).toBe(60);
  });
});
