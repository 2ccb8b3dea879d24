import { roundTo } from "@w4a16/core";
import { exactMatmul, exactMatmulTransposed } from "@w4a16/reference";
import { randomInt4Weight, seededRandom } from "@w4a16/reference/testing";
import { describe, expect, it } from "vitest";
import { randomInputs } from "../src/problem/inputs.js";
import { Oracle } from "../src/problem/oracle.js";

const shape = { m: 200, n: 96, k: 64 };
const weight = randomInt4Weight(seededRandom(1), {
  outFeatures: 96,
  inFeatures: 64,
  groupSize: 32,
});

describe.each(["matmul", "matmulTransposed"] as const)("Oracle of %s", (direction) => {
  const inputs = randomInputs(seededRandom(2), shape, direction, "bfloat16");
  const exact = direction === "matmul" ? exactMatmul : exactMatmulTransposed;
  const right = () => new Float32Array(exact(weight, inputs.x, shape.m));
  const oracle = new Oracle(inputs, weight);

  it("passes the exact product, and the one rounded to the output's format", () => {
    const check = oracle.check(right(), 1e-6, "float32");
    expect(check).toMatchObject({ ok: true });
    expect(check.relativeError).toBeLessThan(1e-7);
    expect(oracle.check(roundTo("bfloat16", right()), 1e-6, "bfloat16").ok).toBe(true);
  });

  it("fails a product rounded to less than it should be", () => {
    expect(oracle.check(roundTo("bfloat16", right()), 1e-6, "float32").ok).toBe(false);
  });

  it("computes 64 rows exactly, one of each part, the first and the last among them", () => {
    expect(oracle.rows).toHaveLength(64);
    expect([oracle.rows[0], oracle.rows.at(-1)]).toEqual([0, 199]);
  });

  it("catches a wrong row that is not among those", () => {
    const row = Array.from({ length: shape.m }, (_, i) => i).find((i) => !oracle.rows.includes(i))!;
    const y = right();
    y.fill(0, row * inputs.width, (row + 1) * inputs.width);
    const check = oracle.check(y, 1e-3, "float32");
    expect(check.relativeError).toBeLessThan(1e-7);
    expect(check.ok).toBe(false);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])("catches a single %s anywhere", (value) => {
    for (const at of [0, inputs.width * 7 + 3, inputs.width * shape.m - 1]) {
      const y = right();
      y[at] = value;
      expect(oracle.check(y, 1e-3, "float32").ok).toBe(false);
    }
  });
});
