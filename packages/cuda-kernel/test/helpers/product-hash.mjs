// Prints a hash of each of some products, of the built package, for a test that compares processes.
import { createHash } from "node:crypto";
import { cuda } from "@w4a16/cuda-kernel";
import { randomInt4Weight, randomNormal, seededRandom } from "@w4a16/reference/testing";

const device = await cuda.open();
for (const [m, n, k] of [
  [1, 4096, 4096],
  [16, 1024, 4096],
  [300, 2048, 1536],
  [512, 6144, 1536],
  [1024, 1024, 1024],
  [2048, 4096, 1024],
]) {
  const shape = { outFeatures: n, inFeatures: k, groupSize: 128 };
  const weight = device.loadWeight(randomInt4Weight(seededRandom(m), shape));
  const x = device.tensor([m, k], "bfloat16", randomNormal(seededRandom(n), m * k));
  const y = weight.matmul(x);
  for (const result of [y, weight.matmulTransposed(y)]) {
    console.log(
      createHash("sha256")
        .update(new Uint8Array((await result.read()).buffer))
        .digest("hex"),
    );
  }
}
device.dispose();
