import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { reference } from "@w4a16/reference";
import { randomInt4Weight, seededRandom } from "@w4a16/reference/testing";
import { afterEach, describe, expect, it, vi } from "vitest";
import { denseOnnxContender, nBitsContender } from "../src/contenders/onnxruntime.js";
import { findPeer, installCommand } from "../src/contenders/peers.js";
import { randomInputs } from "../src/problem/inputs.js";
import { SILENT } from "../src/reporter.js";
import type { Peer } from "../src/settings.js";
import { callCases } from "../src/suites/call.js";
import { Entry } from "../src/timing/entrant.js";
import { temporaryFolder } from "./helpers/folder.js";
import { matmulSettings } from "./helpers/settings.js";

const folder = temporaryFolder();
const shape = { m: 5, n: 40, k: 64 };
const weight = randomInt4Weight(seededRandom(1), {
  outFeatures: 40,
  inFeatures: 64,
  groupSize: 32,
});
const task = { weight, copies: 2, warm: false } as const;

const contenders = [
  nBitsContender("onnxruntime0", "onnxruntime-node", 0, "integer"),
  nBitsContender("onnxruntime4", "onnxruntime-node", 4, "integer"),
  nBitsContender("onnxruntime0-float", "onnxruntime-node", 0, "float"),
  nBitsContender("onnxruntime4-float", "onnxruntime-node", 4, "float"),
  nBitsContender("onnxruntime-web", "onnxruntime-web", 4, "integer"),
  denseOnnxContender(),
];
const packageOf = (name: string) =>
  name === "onnxruntime-web" ? "onnxruntime-web" : "onnxruntime-node";

describe.each(contenders.map((contender) => [contender.name, contender] as const))(
  "%s",
  (name, contender) => {
    const installed = findPeer(packageOf(name)) !== undefined;

    it.skipIf(!installed)("agrees with float64 (needs the peers installed)", async () => {
      const loaded = await contender.load(task);
      const entry = new Entry(randomInputs(seededRandom(2), shape, "matmul", "bfloat16"), 2);
      const { check, product } = await entry.enter(contender, loaded);
      expect(check).toMatchObject({ ok: true });
      product.dispose();
      await loaded.dispose();
    });

    it.skipIf(installed)("stays out where its package is not installed", async () => {
      await expect(
        contender
          .load(task)
          .then((loaded) =>
            loaded.bind(randomInputs(seededRandom(2), shape, "matmul", "bfloat16"), 1),
          ),
      ).rejects.toThrow(/is not installed/);
    });
  },
);

/** A package that opens sessions like ONNX Runtime's, which are never run. */
const STAND_IN = `
  exports.env = { wasm: {} };
  exports.InferenceSession = { create: async () => ({ release: async () => {} }) };
  exports.Tensor = class {};`;

afterEach(() => vi.unstubAllEnvs());

it("the call suite times ONNX Runtime only where it is asked for", async () => {
  const installed = join(folder, "node_modules", "onnxruntime-node");
  mkdirSync(installed, { recursive: true });
  writeFileSync(join(installed, "index.js"), STAND_IN);
  vi.stubEnv("W4A16_BENCH_PEERS", folder);
  const timed = async (peers: Peer[]) => {
    const device = await reference.open();
    const settings = matmulSettings({ device: "reference", shapes: [], peers, budget: 1 });
    const { signal } = new AbortController();
    const names: string[] = [];
    const cases = callCases({ device, settings, reporter: SILENT, signal });
    for await (const { name } of cases) names.push(name);
    return names.some((name) => name.startsWith("onnxruntime"));
  };
  expect(await timed([])).toBe(false);
  expect(await timed(["onnxruntime4"])).toBe(false);
  expect(await timed(["onnxruntime0"])).toBe(true);
});

it("one command installs them all", () => {
  expect(installCommand("/some where")).toBe(
    'npm install --ignore-scripts --prefix "/some where" onnxruntime-node@1.30.0 onnxruntime-web@1.30.0',
  );
});
