// Tunes some shapes on a fake GPU into a cache file, in a process of its own: FILE FIRST COUNT
import { CudaDevice } from "@w4a16/cuda-kernel";
import { FAKE_INFO } from "./fake-device.mjs";
import { fakeGpu } from "./fake-gpu.mjs";

const [file, first, count] = process.argv.slice(2);
const { addon } = fakeGpu({ slow: 30, fast: 10 });
const device = new CudaDevice(addon, FAKE_INFO, undefined, { file, driver: "1.2" });
for (let i = 0; i < Number(count); i++) {
  const shape = { m: Number(first) + i, n: 16, k: 32, groupSize: 32, direction: "matmul" };
  const { problem } = await device.tune([shape]);
  if (problem) throw new Error(problem);
}
