import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { cpu } from "../src/index.js";

/** Runs a script in a process of its own: a crash or a leak there is a failure here. */
function script(name: string, ...args: string[]): string {
  const path = fileURLToPath(new URL(`./endurance/${name}.mjs`, import.meta.url));
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    ["--expose-gc", path, ...args],
    {
      encoding: "utf8",
      timeout: 240_000,
    },
  );
  expect({ status, signal, stderr }).toMatchObject({ status: 0, signal: null });
  return stdout;
}

describe.runIf(cpu.availability().available)("endurance", () => {
  it("workers started and terminated in the middle of a call leave nothing behind", () => {
    expect(script("workers", "100")).toContain("100 workers");
  }, 240_000);

  it("100,000 calls do not grow memory", () => {
    expect(script("calls", "100000")).toContain("100000 calls");
  }, 240_000);
});
