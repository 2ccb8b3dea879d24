import { randomInt4Weight, seededRandom } from "@w4a16/reference/testing";
import { describe, expect, it } from "vitest";
import { denseOnnxContender, nBitsContender } from "../src/contenders/onnxruntime.js";
import { findPeer, installCommand } from "../src/contenders/peers.js";
import { randomInputs } from "../src/problem/inputs.js";
import { Entry } from "../src/timing/entrant.js";

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

it("one command installs them all", () => {
  expect(installCommand("/some where")).toBe(
    'npm install --ignore-scripts --prefix "/some where" onnxruntime-node@1.30.0 onnxruntime-web@1.30.0',
  );
});
