/** The built command, as a user runs it. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parseResults } from "../src/results.js";
import { temporaryFolder } from "./helpers/folder.js";
import { results, row } from "./helpers/results.js";

const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const folder = temporaryFolder();
const file = (name: string) => join(folder, name);
const options = "--device reference --peers dense --group-size 32 --warm --budget 0.02".split(" ");

const run = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    encoding: "utf8",
  });
  return { status, stdout, stderr };
};

describe("w4a16-bench", () => {
  it("refuses bad arguments in one line, with exit code 2", () => {
    const { status, stdout, stderr } = run("--device", "gpu");
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(/^--device: expected auto, cuda, cpu, reference, received "gpu".*\n$/);
  });

  it("leaves no file behind where it cannot run", () => {
    const json = file("never.json");
    const { status, stderr } = run("--device", "cpu", "--json", json, "--shapes", "none");
    expect(status).toBe(2);
    expect(stderr).toContain("--shapes");
    const env = { ...process.env, W4A16_CPU_ADDON: file("no-addon.node") };
    const args = [main, "--device", "cpu", "--json", json];
    const { status: failed } = spawnSync(process.execPath, args, { env });
    expect(failed).toBe(1);
    expect(existsSync(json)).toBe(false);
  });

  it.skipIf(process.platform === "win32")("a reader that leaves early is no failure", () => {
    const command = `"${process.execPath}" "${main}" --help | true`;
    const { status, stderr } = spawnSync("bash", ["-o", "pipefail", "-c", command], {
      encoding: "utf8",
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  it.skipIf(!existsSync("/dev/full"))("figures that are lost on a full disk are told", () => {
    const command = `"${process.execPath}" "${main}" --help > /dev/full`;
    const { status, stderr } = spawnSync("bash", ["-c", command], { encoding: "utf8" });
    expect(stderr).toMatch(/^the output could not be written: ENOSPC.*\n$/);
    expect(status).toBe(1);
  });

  it("prints tables and writes what was asked for", () => {
    const json = file("a.json");
    const html = file("a.html");
    const shapes = ["--shapes", "3,32,64;9,32,64"];
    const files = ["--json", json, "--html", html];
    const { status, stdout, stderr } = run(...options, ...shapes, ...files);
    expect(status).toBe(0);
    expect(stdout).toContain("reference, matmul, N 32, K 64, G 32, bfloat16, warm");
    expect(stderr).toContain("matmul M 9, N 32, K 64");
    const document = parseResults(json, readFileSync(json, "utf8"));
    expect(document.rows.map(({ m }) => m)).toEqual([3, 9]);
    expect(document.measures!.map(({ suite }) => suite)).toContain("call");
    expect(readFileSync(html, "utf8")).toContain("<svg");
  });

  it("fails a comparison with a regression, and one with nothing in common", () => {
    const write = (name: string, time: number, m = 16) => {
      writeFileSync(file(name), JSON.stringify(results([row(m, { fused: time })])));
      return file(name);
    };
    const [before, after] = [write("old.json", 100), write("new.json", 150)];
    expect(run("compare", before, after).status).toBe(1);
    expect(run("compare", before, after, "--threshold", "0.6").status).toBe(0);
    expect(run("compare", after, before).status).toBe(0);
    expect(run("compare", before, write("other.json", 100, 32)).status).toBe(1);
  });

  it("says which file of a comparison it cannot read", () => {
    const { status, stderr } = run("compare", file("missing.json"), file("missing.json"));
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /missing\.json: expected a file that can be read.*\[W4A16_INVALID_RESULTS\]\n$/,
    );
  });

  it("prints and writes what it has when it is interrupted", async () => {
    const json = file("interrupted.json");
    const shapes = Array.from({ length: 200 }, (_, i) => `${i + 1},256,256`).join(";");
    const args = [main, ...options, "--shapes", shapes, "--json", json];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let interrupted = false;
    child.stdout.on("data", (data) => {
      stdout += data;
    });
    child.stderr.on("data", (data) => {
      // Once a row is there.
      if (!interrupted && /dense/.test(String(data))) interrupted = child.kill("SIGINT");
    });
    const [code] = await once(child, "close");
    expect(code).toBe(130);
    const { rows } = parseResults(json, readFileSync(json, "utf8"));
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.length).toBeLessThan(200);
    expect(stdout).toContain("reference, matmul, N 256, K 256");
  });
});
