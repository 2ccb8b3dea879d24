/** What `npm start` runs, as a shell runs it. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const main = fileURLToPath(
  new URL("../../../examples/sentence-encoder/dist/main.js", import.meta.url),
);

// A bundle for another machine has no examples.
describe.skipIf(process.platform === "win32" || !existsSync(main))("npm start", () => {
  const shell = (end: string) => {
    const command = `"${process.execPath}" "${main}" --device reference --rows 1 ${end}`;
    return spawnSync("bash", ["-o", "pipefail", "-c", command], { encoding: "utf8" });
  };

  it("whose reader leaves early is no failure", () => {
    expect(shell("| head -n 1")).toMatchObject({ status: 0, stderr: "" });
  });

  it.skipIf(!existsSync("/dev/full"))("on a full disk is one, in one line", () => {
    const { status, stderr } = shell("> /dev/full");
    expect(stderr).toMatch(/^The output could not be written: ENOSPC.*\n$/);
    expect(status).toBe(1);
  });
});
