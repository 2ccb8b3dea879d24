import type { DeviceTensor, MatmulOptions } from "@w4a16/core";
import { expect, it } from "vitest";
import { exactMatmul, exactMatmulTransposed, reference } from "../src/index.js";
import {
  halfUlp,
  relativeFrobenius,
  rootMeanSquare,
  roundingBound,
  scaledMaxError,
} from "../src/metrics.js";
import { randomInt4Weight, randomNormal, seededRandom } from "../src/testing.js";

const int4 = randomInt4Weight(seededRandom(1), { outFeatures: 4, inFeatures: 8 });
const device = await reference.open();
const weight = device.loadWeight(int4);
const x = device.tensor([3, 8], "float32");
const gone = device.tensor([3, 8], "float32");
gone.dispose();
const unloaded = device.loadWeight(int4);
unloaded.dispose();
const closed = await reference.open();
const orphan = closed.tensor([3, 8], "float32");
closed.dispose();
const exactDevice = await reference.open({ precision: "float64" });
const elsewhere = exactDevice.tensor([3, 8], "float32");
const twin = (await reference.open()).tensor([3, 8], "float32");

const matmul = (options: unknown, input: unknown = x) =>
  weight.matmul(input as DeviceTensor, options as MatmulOptions);
const tensor = (shape: number[]) => device.tensor(shape, "float32");

/** What a user of a device can get wrong; the texts are part of the product. */
const mistakes: Record<string, () => unknown> = {
  "numbers of no array to compare": () => relativeFrobenius([1] as never, new Float32Array(1)),
  "elements of another class": () => scaledMaxError(new Float32Array(1), [1] as never, 1),
  "values of no array": () => rootMeanSquare(undefined as never),
  "a rounding to an unknown dtype": () => roundingBound("half" as never, new Float32Array(1)),
  "the step of an unknown dtype": () => halfUlp("half" as never, 1),
  "no random numbers": () => randomNormal(undefined as never, 3),
  "random numbers of another kind": () =>
    randomInt4Weight(Math.random as never, { outFeatures: 2, inFeatures: 2 }),
  "an unknown precision": () => reference.open({ precision: "float16" as never }),
  "an unknown option of open": () => reference.open({ precison: "float64" } as never),
  "m of the oracle": () => exactMatmul(int4, new Float32Array(8), -1),
  "activations of the oracle, length": () => exactMatmul(int4, new Float32Array(7), 1),
  "activations of the oracle, type": () => exactMatmulTransposed(int4, [1] as never, 1),
  "bias of the oracle": () => exactMatmul(int4, new Float32Array(8), 1, new Float32Array(8)),
  "a number as x": () => matmul({}, 3),
  "x of the other direction": () => weight.matmulTransposed(x),
  "a bias of the wrong length": () => matmul({ bias: tensor([8]) }),
  "out of the wrong shape": () => matmul({ out: tensor([4, 3]) }),
  "out that is x": () => matmul({ out: x.view({ columns: [0, 4] }) }),
  "outDtype beside out": () => matmul({ out: tensor([3, 4]), outDtype: "float16" }),
  "an unknown outDtype": () => matmul({ outDtype: "half" }),
  "an unknown option of matmul": () => matmul({ dtype: "float16" }),
  "an aborted signal": () => matmul({ signal: AbortSignal.abort() }),
  "a disposed tensor": () => matmul({}, gone),
  "a disposed weight": () => unloaded.matmul(x),
  "a disposed device": () => closed.tensor([1], "float32"),
  "a tensor of a disposed device": () => orphan.read(),
  "a tensor of another device": () => matmul({}, elsewhere),
  "a tensor of another device of the same kind": () => matmul({}, twin),
  "an empty shape": () => tensor([]),
  "a negative dimension": () => tensor([2, -3]),
  "more than memory holds": () => tensor([2 ** 25, 2 ** 26]),
  "a view of rank 1": () => tensor([4]).view({}),
  "a view outside the tensor": () => x.view({ rows: [1, 4] }),
  "data of the wrong length": () => x.write(new Float32Array(2)),
};

it.each(Object.keys(mistakes))("%s", async (name) => {
  const error = await Promise.resolve()
    .then(mistakes[name])
    .then(
      () => expect.unreachable("no error"),
      (reason: Error) => reason,
    );
  expect(`${error.name}: ${error.message}`).toMatchSnapshot();
});
