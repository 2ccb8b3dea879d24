/** The built command on the weights of a real model. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { quantizeHqq, roundTo } from "@w4a16/core";
import { cpu } from "@w4a16/cpu-kernel";
import { exactMatmul, reference } from "@w4a16/reference";
import { relativeFrobenius } from "@w4a16/reference/metrics";
import { randomNormal, seededRandom } from "@w4a16/reference/testing";
import { beforeAll, describe, expect, test } from "vitest";
import { loadLinear, openCheckpoint } from "../src/index.js";
import { encoderTensors } from "./encoder.js";
import { floatTensor, safetensorsBytes, temporaryFolder, write } from "./support.js";

const folder = temporaryFolder();
const cli = fileURLToPath(new URL("../dist/cli.js", import.meta.url));
const path = (name: string) => join(folder, name);
const tensors = encoderTensors();
const zero = new Float32Array(1);
const layers = tensors.filter(({ name }) => name.endsWith(".weight"));

function w4a16(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
    encoding: "utf8",
    cwd: folder,
  });
  return { status, stdout, stderr };
}

/** Runs with --json, expects success and gives the report. */
function report(...args: string[]) {
  const { status, stdout, stderr } = w4a16(...args, "--json");
  expect(stderr).toBe("");
  expect(status).toBe(0);
  return JSON.parse(stdout);
}

beforeAll(() => {
  write(folder, "float.safetensors", safetensorsBytes(tensors, { format: "pt" }));
  report("quantize", "float.safetensors", "int4.safetensors");
});

describe("a real model, float → quantize → file → loadLinear → product", () => {
  test("has ten linear layers", () => {
    expect(layers.length).toBe(10);
  });

  test.each(layers.map(({ name }) => name))("%s", async (name) => {
    const { shape, data } = layers.find((layer) => layer.name === name)!;
    const [outFeatures, inFeatures] = shape as [number, number];
    const values = new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4);
    await using checkpoint = await openCheckpoint(path("int4.safetensors"));
    const weight = await loadLinear(checkpoint, name);
    expect(weight).toEqual(quantizeHqq(values, { outFeatures, inFeatures }));

    // The fused kernel where it is built, and always the reference; bfloat16 in, float32 out.
    const x = roundTo("bfloat16", randomNormal(seededRandom(7), 3 * inFeatures));
    const exact = exactMatmul(weight, x, 3);
    for (const backend of [cpu, reference].filter((b) => b.availability().available)) {
      using device = await backend.open();
      using loaded = device.loadWeight(weight, { dtype: "float32" });
      using input = device.tensor([3, inFeatures], "bfloat16", x);
      using output = loaded.matmul(input, { outDtype: "float32" });
      expect(relativeFrobenius(await output.readFloat32(), exact)).toBeLessThan(1e-6);
    }
  });
});

describe("quantize", () => {
  test("reports bytes, the error of each layer, and what was copied", () => {
    const result = report("quantize", "float.safetensors", "again.safetensors", "--workers", "2");
    expect(result.layers.length).toBe(10);
    expect(result.copied).toBe(1);
    for (const { relative } of result.layers) expect(relative).toBeLessThan(0.15);
    const again = readFileSync(path("again.safetensors"));
    expect(again.equals(readFileSync(path("int4.safetensors")))).toBe(true);
    expect(result.outputBytes).toBe(readFileSync(path("again.safetensors")).length);
    expect(readdirSync(folder).filter((name) => name.includes("w4a16-"))).toEqual([]);
  });

  test("names the worst layers", () => {
    const { stdout, status } = w4a16("quantize", "float.safetensors", "worst.safetensors");
    expect(status).toBe(0);
    expect(stdout).toMatch(/worst layers .* relative error/);
    expect(stdout).toMatch(/10 layers by hqq in groups of 64, mean error \d+\.\d\d %/);
  });

  test("--include and --exclude choose layers by globs", () => {
    const result = report(
      "quantize",
      "float.safetensors",
      "some.safetensors",
      "--include",
      "*Layer_0*",
      "--include=*Layer_1*",
      "--exclude",
      "*conv1*",
      "--method",
      "minmax",
      "--group-size",
      "128",
    );
    const names = result.layers.map(({ name }: { name: string }) => name);
    expect(names.length).toBe(7);
    for (const name of names) expect(name).toMatch(/Layer_[01](?!.*conv1)/);
    const { layers: listed } = report("inspect", "some.safetensors");
    const formats = listed.filter(({ format }: { format: string }) => format === "w4a16");
    expect(formats.length).toBe(7);
    for (const { groupSize } of formats) expect(groupSize).toBe(128);
  });

  test("in steps keeps the layers of earlier ones", () => {
    const minmax = ["--method", "minmax"];
    report("quantize", "float.safetensors", "step1", "--include", "*Layer_0*", ...minmax);
    const { stdout, status } = w4a16("quantize", "step1", "step2", "--group-size=32", ...minmax);
    expect(status).toBe(0);
    expect(stdout).toContain("quantized already, and carried over: 5 layers");
    const { layers: listed } = report("inspect", "step2");
    const sizes = listed.map(({ groupSize }: { groupSize?: number }) => groupSize);
    expect(sizes.filter((size?: number) => size === 64).length).toBe(5);
    expect(sizes.filter((size?: number) => size === 32).length).toBe(5);
    expect(report("verify", "step2", "--against", "float.safetensors").layers.length).toBe(10);
  });

  test("leaves layers that the group size does not divide in float, and says so", () => {
    const result = report(
      "quantize",
      "float.safetensors",
      "skip.safetensors",
      "--group-size",
      "512",
      "--method",
      "minmax",
    );
    expect(result.skipped.length).toBeGreaterThan(0);
    expect(result.layers.length + result.skipped.length).toBe(10);
  });
});

describe("a run that is killed", () => {
  test("leaves the input and the older output as they were, and is continued", async () => {
    const input = readFileSync(path("float.safetensors"));
    write(folder, "killed.safetensors", "older");
    const args = [cli, "quantize", "float.safetensors", "killed.safetensors", "--workers", "1"];
    const child = spawn(process.execPath, args, { cwd: folder, stdio: "ignore" });
    const journal = path("killed.safetensors.w4a16-journal");
    const finished = () =>
      existsSync(journal) ? readFileSync(journal, "utf8").split("\n").length - 2 : 0;
    while (finished() < 2 && child.exitCode === null) await setTimeout(5);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(readFileSync(path("killed.safetensors"), "utf8")).toBe("older");
    // Buffer's own comparison: an assertion on millions of elements takes most of a minute.
    expect(readFileSync(path("float.safetensors")).equals(input)).toBe(true);
    const result = report("quantize", "float.safetensors", "killed.safetensors");
    expect(result.resumed).toBeGreaterThanOrEqual(2);
    expect(result.layers.length).toBe(10);
    const whole = readFileSync(path("int4.safetensors"));
    expect(readFileSync(path("killed.safetensors")).equals(whole)).toBe(true);
  });

  test("Ctrl-C ends it with exit code 130 and one line", async () => {
    const args = [cli, "quantize", "float.safetensors", "stopped.safetensors", "--workers", "1"];
    const child = spawn(process.execPath, args, {
      cwd: folder,
      stdio: ["ignore", "ignore", "pipe"],
    });
    let stderr = "";
    child.stderr.on("data", (text) => {
      stderr += text;
    });
    while (!existsSync(path("stopped.safetensors.w4a16-journal"))) await setTimeout(5);
    child.kill("SIGINT");
    const [code] = await once(child, "exit");
    expect(code).toBe(130);
    expect(stderr).toMatch(/^w4a16: interrupted.*\n$/);
    expect(existsSync(path("stopped.safetensors"))).toBe(false);
  });
});

describe("convert and verify", () => {
  test.each(["hqq", "q4_1", "w4a16"])("to %s keeps the model", (to) => {
    const file = `converted-${to}${to.startsWith("q4") ? ".gguf" : ".safetensors"}`;
    const result = report("convert", "int4.safetensors", file, "--to", to);
    expect(result.layers.length).toBe(10);
    const check = report("verify", file, "--against", "float.safetensors");
    expect(check.ok).toBe(true);
    expect(check.identical).toBe(1);
    // Only Q4_1 rounds the parameters.
    const most = to === "q4_1" ? "0.001" : "0";
    const same = report("verify", file, "--against", "int4.safetensors", "--max-error", most);
    expect(same).toMatchObject({ ok: true, maxError: Number(most) });
  });

  test("to onnx gives a model for each layer", () => {
    const result = report("convert", "int4.safetensors", "models", "--to", "onnx");
    expect(result.layers.length).toBe(10);
    // What it does not hold is told.
    expect(result.skipped.length).toBe(1);
    const files = readdirSync(path("models"));
    expect(files.sort()).toEqual(result.layers.map((name: string) => `${name}.onnx`).sort());
  });

  test("a conversion that loses real zeros fails, unless asked to requantize", () => {
    const args = ["convert", "int4.safetensors", "symmetric.gguf", "--to", "q4_0"];
    const refused = w4a16(...args);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(/^w4a16: layer .*zeros\[0\].*W4A16_LOSSY_ZERO\]\n$/);
    expect(existsSync(path("symmetric.gguf"))).toBe(false);
    report(...args, "--requantize");
    const check = report("verify", "symmetric.gguf", "--against", "float.safetensors");
    expect(check.ok).toBe(true);
  });

  test("a changed file is found out, with exit code 1", () => {
    const bytes = readFileSync(path("int4.safetensors"));
    const copy = new Uint8Array(bytes);
    copy.fill(0xff, copy.length - 70_000);
    write(folder, "damaged.safetensors", copy);
    const { status, stdout } = w4a16(
      "verify",
      "damaged.safetensors",
      "--against",
      "float.safetensors",
    );
    expect(status).toBe(1);
    expect(stdout).toContain("NOT the same model");
  });
});

describe("inspect and info", () => {
  test("inspect lists layers, formats, shapes and sizes", () => {
    const { stdout } = w4a16("inspect", "int4.safetensors");
    expect(stdout).toMatch(/qkv_transform_single.* w4a16 .* 1536 .* 512 .* 64 /);
    expect(stdout).toContain("layers: 10 w4a16, 1 float");
  });

  test("inspect ends on more tensors than a table can be drawn of", () => {
    const many = Array.from({ length: 150_000 }, (_, i) => floatTensor(`t${i}`, [], zero));
    write(folder, "many.safetensors", safetensorsBytes(many));
    const { status, stdout, stderr } = w4a16("inspect", "many.safetensors");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain("… and 148000 more: --json lists them");
  });

  test("info lists the devices", () => {
    const { devices } = report("info");
    expect(devices.map(({ name }: { name: string }) => name)).toEqual(["cuda", "cpu", "reference"]);
    expect(devices[2]).toMatchObject({ available: true });
    // A device that is not there says why and what would help; one that is, what computes.
    for (const { available, description, reason, fix } of devices) {
      if (available) expect(description).toBeTruthy();
      else expect([reason, fix].every(Boolean)).toBe(true);
    }
    expect(w4a16("info").stdout).toContain("reference");
  });
});

test.skipIf(!cpu.availability().available)("info tells what mends a wrong setting", () => {
  const env = { ...process.env, W4A16_CPU_KERNEL: "none" };
  const { stdout } = spawnSync(process.execPath, [cli, "info", "--json"], {
    encoding: "utf8",
    env,
  });
  const device = JSON.parse(stdout).devices.find(({ name }: { name: string }) => name === "cpu");
  expect(device).toMatchObject({
    available: false,
    reason: expect.stringMatching(/^W4A16_CPU_KERNEL: expected .*, received "none"$/),
    fix: expect.stringMatching(/^Choose one of these/),
  });
});

describe("wrong command lines", () => {
  test.each<[number, string[], RegExp]>([
    [2, ["shrink"], /expected quantize, inspect, convert, verify, info, received "shrink"/],
    [2, ["quantize", "a"], /OUT/],
    [2, ["quantize", "a", "b", "c"], /IN OUT/],
    [2, ["quantize", "a", "b", "--methd", "hqq"], /--method.*--methd/],
    [2, ["inspect", "a", "--größe"], /received --größe\./],
    [2, ["inspect", "a\nb", "c"], /received a[\n�]b c/],
    [1, ["inspect", "a\nb"], /a�b.*W4A16_FILE_NOT_FOUND/],
    [2, ["quantize", "a", "b", "--method", "gptq"], /hqq, minmax/],
    [2, ["quantize", "a", "b", "--group-size", "0"], /at least 1/],
    [2, ["quantize", "a", "b", "--group-size", "6x"], /whole number/],
    [2, ["convert", "a", "b"], /w4a16, hqq, q4_0, q4_1, onnx/],
    [2, ["convert", "a", "b", "--to", "gptq"], /w4a16, hqq, q4_0, q4_1, onnx/],
    [2, ["verify", "a"], /--against/],
    [2, ["verify", "a", "--against", "b", "--max-error=-1"], /at least 0/],
    [
      2,
      ["verify", "a", "--against", "b", "--max-error", "-1"],
      /--max-error: .*--max-error=VALUE.*received none/,
    ],
    [2, ["inspect"], /expected FILE, received nothing/],
    [2, ["inspect", "a", "--json=no"], /--json: expected no value/],
    [2, ["quantize", "a", "b", "--include"], /--include: expected a value.*received none/],
    [2, ["quantize", "a", "b", "--include="], /--include: expected a value/],
    [2, ["quantize", "a", "b", "--method", "hqq", "--method", "minmax"], /--method: expected one/],
    [2, ["quantize", "a", "b", "--workers", "99999"], /at most 1024/],
    [2, ["help", "shrink"], /expected quantize/],
    [1, ["inspect", "missing"], /W4A16_FILE_NOT_FOUND/],
    [1, ["quantize", "float.safetensors", "float.safetensors"], /W4A16_OUTPUT_IS_INPUT/],
    [1, ["quantize", "int4.safetensors", "x", "--exclude", "*"], /W4A16_NOTHING_TO_DO/],
    [2, ["convert", "int4.safetensors", "x", "--to", "hqq", "--exclude="], /--exclude/],
    [
      1,
      ["convert", "int4.safetensors", "x", "--to", "hqq", "--include", "z"],
      /10, and all.*left out/,
    ],
    [1, ["quantize", "float.safetensors", "."], /the name of a file.*W4A16_WRITE_FAILED/],
    [1, ["quantize", "float.safetensors", "no/such/folder/x"], /W4A16_WRITE_FAILED/],
  ])("exit code %i: w4a16 %j", (code, args, message) => {
    const { status, stdout, stderr } = w4a16(...args);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split("\n").length).toBe(1);
    expect(stdout).toBe("");
    expect(status).toBe(code);
    const json = w4a16(...args, "--json");
    expect(json.status).toBe(code);
    expect(JSON.parse(json.stdout).error.message).toMatch(message);
  });

  test("--help and --version", () => {
    expect(w4a16("quantize", "--help")).toMatchObject({ status: 0 });
    expect(w4a16("quantize", "--help").stdout).toContain("--group-size");
    expect(w4a16("--version").stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(w4a16("help", "quantize").stdout).toBe(w4a16("quantize", "--help").stdout);
    expect(w4a16("--help").stdout).not.toContain("\x1b");
    expect(w4a16().status).toBe(2);
  });
});

describe.skipIf(process.platform === "win32")("output that nobody gets", () => {
  const shell = (command: string) =>
    spawnSync(
      "bash",
      ["-o", "pipefail", "-c", command.replace("w4a16", `"${process.execPath}" "${cli}"`)],
      {
        encoding: "utf8",
        cwd: folder,
      },
    );

  test("a reader that leaves early is no failure", () => {
    expect(shell("w4a16 inspect int4.safetensors | head -c 1")).toMatchObject({
      status: 0,
      stderr: "",
    });
  });

  test.skipIf(!existsSync("/dev/full"))("a full disk is one", () => {
    const { status, stderr } = shell("w4a16 inspect int4.safetensors > /dev/full");
    expect(stderr).toMatch(/^w4a16: the output could not be written: ENOSPC.*\n$/);
    expect(status).toBe(1);
  });
});
