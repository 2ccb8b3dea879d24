import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { currentCommit, lastLevelCacheBytes } from "../src/machine.js";
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

const source = fileURLToPath(new URL("../src", import.meta.url));

// A bundle for another machine has neither.
describe.skipIf(!existsSync(join(source, "../../../.git")))("currentCommit", () => {
  const folder = temporaryFolder();
  const installed = join(folder, "node_modules", "bench", "dist");

  it("is not that of the repository of somebody who installed the package", () => {
    mkdirSync(installed, { recursive: true });
    writeFileSync(join(installed, "..", "package.json"), "{}");
    const git = (...args: string[]) => execFileSync("git", ["-C", folder, ...args]);
    git("init", "--quiet");
    const me = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
    git(...me, "commit", "--quiet", "--allow-empty", "-m", "theirs");
    expect(currentCommit(installed)).toBe(process.env.W4A16_COMMIT || null);
  });

  it("is that of this repository", () => {
    expect(currentCommit(source)).toMatch(/^[0-9a-f]{40}(-dirty)?$/);
  });
});
