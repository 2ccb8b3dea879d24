/** Interrupted runs: what they leave, and how they continue. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { randomNormal, seededRandom } from "@w4a16/reference/testing";
import { beforeEach, expect, test } from "vitest";
import { convertCheckpoint, quantizeCheckpoint } from "../src/index.js";
import { floatTensor, safetensorsBytes, temporaryFolder, write } from "./support.js";

const folder = temporaryFolder();
const output = join(folder, "out.safetensors");
const partial = `${output}.w4a16-partial`;
const journal = `${output}.w4a16-journal`;
const random = seededRandom(3);
const names = ["a", "b", "c", "d"];
const input = write(
  folder,
  "in.safetensors",
  safetensorsBytes(
    names.map((name) => floatTensor(`${name}.weight`, [64, 128], randomNormal(random, 64 * 128))),
  ),
);
const inputBytes = readFileSync(input);
await quantizeCheckpoint(input, output);
const expected = readFileSync(output);

/** Runs until `layers` are finished. */
async function interrupt(layers: number): Promise<void> {
  const controller = new AbortController();
  const run = quantizeCheckpoint(input, output, {
    signal: controller.signal,
    onProgress: ({ done, total }) => {
      if (done / total >= layers / names.length) controller.abort();
    },
  });
  await expect(run).rejects.toThrow(/W4A16_ABORTED/);
}

beforeEach(() => {
  writeFileSync(output, "older output");
});

test("leaves the input and the older output intact, and continues", async () => {
  await interrupt(2);
  expect(readFileSync(input)).toEqual(inputBytes);
  expect(readFileSync(output, "utf8")).toBe("older output");
  const { resumed, layers } = await quantizeCheckpoint(input, output);
  expect(resumed).toBeGreaterThanOrEqual(1);
  expect(resumed).toBeLessThan(4);
  expect(layers.map(({ name }) => name)).toEqual(names);
  expect(readFileSync(output)).toEqual(expected);
  expect(readdirSync(folder).sort()).toEqual(["in.safetensors", "out.safetensors"]);
});

test("does again what a crash damaged", async () => {
  await interrupt(3);
  const bytes = readFileSync(partial);
  bytes.fill(0, bytes.length / 4);
  writeFileSync(partial, bytes);
  writeFileSync(journal, `${readFileSync(journal, "utf8")}{"name":"d","ha`);
  await quantizeCheckpoint(input, output);
  expect(readFileSync(output)).toEqual(expected);
});

test("starts again with other settings, or another input", async () => {
  await interrupt(2);
  const { resumed } = await quantizeCheckpoint(input, output, { groupSize: 32 });
  expect(resumed).toBe(0);
  await interrupt(2);
  copyFileSync(input, `${input}.copy`);
  const other = await quantizeCheckpoint(`${input}.copy`, output);
  expect(other.resumed).toBe(0);
  expect(readFileSync(output)).toEqual(expected);
});

test("an output that another process is writing is left alone", async () => {
  // The parent of the test process runs as long as the test does.
  writeFileSync(journal, `${JSON.stringify({ key: "theirs", pid: process.ppid })}\n`);
  await expect(quantizeCheckpoint(input, output)).rejects.toThrow(/W4A16_OUTPUT_BUSY/);
  expect(readFileSync(output, "utf8")).toBe("older output");
  // A process that is gone holds nothing.
  writeFileSync(journal, `${JSON.stringify({ key: "theirs", pid: 2 ** 22 + 1 })}\n`);
  await quantizeCheckpoint(input, output);
  expect(existsSync(journal)).toBe(false);
});

test("a run that was aborted can be continued by another process", async () => {
  await interrupt(2);
  expect(JSON.parse(readFileSync(journal, "utf8").split("\n")[0]!)).not.toHaveProperty("pid");
});

test("of processes that start at once, one writes, and the others say why not", async () => {
  const cli = fileURLToPath(new URL("../dist/cli.js", import.meta.url));
  const runs = Array.from({ length: 4 }, async () => {
    const child = spawn(process.execPath, [cli, "quantize", input, output, "--json"]);
    let stdout = "";
    child.stdout.on("data", (text) => {
      stdout += text;
    });
    await once(child, "close");
    return JSON.parse(stdout).error?.code;
  });
  const codes = await Promise.all(runs);
  expect(codes).toContain(undefined);
  for (const code of codes) expect([undefined, "W4A16_OUTPUT_BUSY"]).toContain(code);
  expect(readFileSync(output)).toEqual(expected);
});

test("of two runs of one process on one output, one is refused", async () => {
  // Either may come first: both have their input to open.
  const runs = [quantizeCheckpoint(input, output), quantizeCheckpoint(input, output)];
  const [refused, ...others] = (await Promise.allSettled(runs)).filter(
    (run) => run.status === "rejected",
  );
  expect(others).toEqual([]);
  expect(refused?.reason).toMatchObject({ code: "W4A16_OUTPUT_BUSY" });
  expect(readFileSync(output)).toEqual(expected);
});

test("a weight that is not finite is named, and the older output stays", async () => {
  const values = new Float32Array(64 * 128);
  values[130] = Number.NaN;
  const damaged = write(
    folder,
    "nan.safetensors",
    safetensorsBytes([floatTensor("x.weight", [64, 128], values)]),
  );
  await expect(quantizeCheckpoint(damaged, output)).rejects.toThrow(
    /layer x: weight\[130\].*NaN.*W4A16_NON_FINITE_WEIGHT/,
  );
  expect(readFileSync(output, "utf8")).toBe("older output");
  expect(existsSync(partial) || existsSync(journal)).toBe(false);
});

test("an output that names a folder is refused, also where there is none", async () => {
  writeFileSync(output, expected);
  for (const place of ["new/", "new/.", "new//", "new/sub/..", "out.safetensors/"]) {
    const out = `${folder}/${place}`;
    await expect(quantizeCheckpoint(input, out)).rejects.toThrow(/the name of a folder/);
    const converted = convertCheckpoint(output, out, { to: "hqq" });
    await expect(converted).rejects.toMatchObject({ code: "W4A16_WRITE_FAILED" });
  }
  expect(readdirSync(folder).filter((name) => name.startsWith("new"))).toEqual([]);
});

test.skipIf(process.platform === "win32")("a pipe or a folder keeps its name", async () => {
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  for (const place of [pipe, folder, ""]) {
    await expect(quantizeCheckpoint(input, place)).rejects.toThrow(/the name of a file/);
  }
  expect(statSync(pipe).isFIFO()).toBe(true);
  expect(readdirSync(folder).some((name) => name.includes("w4a16-"))).toBe(false);
});

test.skipIf(process.platform === "win32")("a disk too full for anything is left as it was", () => {
  const cli = fileURLToPath(new URL("../dist/cli.js", import.meta.url));
  const command = `ulimit -f 0; exec "${process.execPath}" "${cli}" quantize "${input}" "${folder}/full"`;
  const { status, stderr } = spawnSync("bash", ["-c", command], { encoding: "utf8" });
  expect(status).toBe(1);
  expect(stderr).toMatch(/EFBIG.*W4A16_WRITE_FAILED\]\n$/);
  expect(readdirSync(folder).filter((name) => name.startsWith("full"))).toEqual([]);
});
