import { describeDevice } from "@w4a16/reference/conformance";
import { cpu, supportedKernels } from "../src/index.js";

/** float16 activations travel as 16-bit fixed point at the least; float32 as 22-bit. */
const tolerances = {
  float16: { frobenius: 3e-5, scaled: 3e-5 },
  float32: { frobenius: 2e-6, scaled: 2e-6 },
};

const kernels = supportedKernels();
if (kernels.length === 0) describeDevice(cpu);
for (const kernel of kernels) {
  describeDevice(cpu, { title: `cpu, ${kernel} kernel`, openOptions: { kernel }, tolerances });
}
