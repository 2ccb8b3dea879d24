import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { lastLevelCacheBytes, nvidiaDriver } from "../src/machine.js";
import { rotate } from "../src/timing/rotation.js";

const MIB = 2 ** 20;

describe("rotate", () => {
  it("copies the weight until the copies exceed the caches", () => {
    const { weights, activations, sweep } = rotate(9 * MIB, 16 * MIB, 64 * MIB);
    expect(weights * 9 * MIB).toBeGreaterThan(64 * MIB);
    expect(activations * 16 * MIB).toBeGreaterThan(64 * MIB);
    expect(sweep).toBe(false);
  });

  it("sweeps the caches instead of making very many copies", () => {
    expect(rotate(MIB / 2, MIB, 64 * MIB)).toMatchObject({ weights: 16, sweep: true });
  });

  it("has at least two copies of what is larger than the caches", () => {
    expect(rotate(500 * MIB, 500 * MIB, 64 * MIB)).toEqual({
      weights: 2,
      activations: 2,
      sweep: false,
    });
  });
});

describe("lastLevelCacheBytes", () => {
  it("is the largest cache that sysfs names", () => {
    const folder = mkdtempSync(join(tmpdir(), "caches-"));
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
    expect(lastLevelCacheBytes(join(tmpdir(), "no-such-folder"))).toBe(32 * MIB);
  });
});

describe("nvidiaDriver", () => {
  it("reads the version of the kernel module, open or not", () => {
    const folder = mkdtempSync(join(tmpdir(), "w4a16-driver-"));
    const file = join(folder, "version");
    for (const name of [
      "NVIDIA UNIX Open Kernel Module for x86_64",
      "NVIDIA UNIX x86_64 Kernel Module",
    ]) {
      writeFileSync(
        file,
        `NVRM version: ${name}  580.159.04  Release Build\nGCC version: gcc 12.2.0`,
      );
      expect(nvidiaDriver(file)).toEqual({ driver: "580.159.04" });
    }
    expect(nvidiaDriver(join(folder, "none"))).toEqual({});
  });
});
