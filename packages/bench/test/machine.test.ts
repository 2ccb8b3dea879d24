import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { lastLevelCacheBytes } from "../src/machine.js";
import { temporaryFolder } from "./helpers/folder.js";

const MIB = 2 ** 20;

describe("lastLevelCacheBytes", () => {
  const folder = temporaryFolder();

  it("is the largest cache that sysfs names", () => {
    for (const [name, size] of [
      ["index0", "32K"],
      ["index3", "96M"],
      ["uevent", "7G"],
    ] as const) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, "size"), `${size}\n`);
    }
    expect(lastLevelCacheBytes(folder)).toBe(96 * MIB);
  });

  it("is 32 MiB where nothing tells", () => {
    expect(lastLevelCacheBytes(join(folder, "no-such-folder"))).toBe(32 * MIB);
  });
});
