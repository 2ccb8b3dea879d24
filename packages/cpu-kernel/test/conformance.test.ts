import { describeDevice } from "@w4a16/reference/conformance";
import { cpu, supportedKernels } from "../src/index.js";

/** float16 activations travel as 16-bit fixed point at the least; float32 as 22-bit. */
const tolerances = {
  float16: { frobenius: 3e-5, scaled: 3e-5 },
  float32: { frobenius: 2e-6, scaled: 2e-6 },
};

for (const kernel of supportedKernels()) {
  describeDevice(cpu, { title: `cpu, ${kernel} kernel`, openOptions: { kernel }, tolerances });
}

/**
 * Activations rounded to 8 bits, whatever their format: 2⁻⁸ each at most, 1.7e-3 on average. The
 * largest of ten thousands of errors is allowed six times 2.5e-3.
 */
const rounded = { frobenius: 2.5e-3, scaled: 1.5e-2 };
describeDevice(cpu, {
  title: "cpu, bfloat16 precision",
  openOptions: { precision: "bfloat16" },
  tolerances: { float16: rounded, bfloat16: rounded, float32: rounded },
});
