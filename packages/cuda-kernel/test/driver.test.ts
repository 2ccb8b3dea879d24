import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { nvidiaDriverVersion } from "../src/index.js";

it("reads the version of the kernel module, open or not", () => {
  const folder = mkdtempSync(join(tmpdir(), "w4a16-driver-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "version");
  for (const name of [
    "NVIDIA UNIX Open Kernel Module for x86_64",
    "NVIDIA UNIX x86_64 Kernel Module",
  ]) {
    writeFileSync(
      file,
      `NVRM version: ${name}  580.159.04  Release Build\nGCC version: gcc 12.2.0`,
    );
    expect(nvidiaDriverVersion(file)).toBe("580.159.04");
  }
  expect(nvidiaDriverVersion(join(folder, "none"))).toBeUndefined();
});
