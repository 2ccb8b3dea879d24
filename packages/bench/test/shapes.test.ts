import { describe, expect, it } from "vitest";
import { parseShapes } from "../src/shapes.js";

describe("parseShapes", () => {
  it("knows the README's table", () => {
    const shapes = parseShapes("square");
    expect(shapes.map(({ m }) => m)).toEqual([16, 32, 128, 256, 512, 1024]);
    expect(shapes.every(({ n, k }) => n === 4096 && k === 4096)).toBe(true);
  });

  it("reads a list", () => {
    expect(parseShapes("1,2,4; 16,4096,512;")).toEqual([
      { m: 1, n: 2, k: 4 },
      { m: 16, n: 4096, k: 512 },
    ]);
  });

  it.each(["", "seeds", "1,2", "1,2,3", "1,,2", "0,2,2", "1.5,2,2", "1,2,4;x", "1,2,4,8"])(
    "refuses %j and names the sets",
    (text) => {
      expect(() => parseShapes(text)).toThrow(/--shapes: expected square, llm, quick/);
    },
  );
});
