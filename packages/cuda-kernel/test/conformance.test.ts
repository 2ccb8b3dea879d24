import { describeDevice } from "@w4a16/reference/conformance";
import { cuda } from "../src/index.js";

// Scales in the activations' dtype: what is left is rounding each weight once.
const OWN = {
  float16: { frobenius: 3.5e-4, scaled: 4e-3 },
  bfloat16: { frobenius: 2.8e-3, scaled: 3e-2 },
  float32: { frobenius: 1e-5, scaled: 1e-5 },
};
// Scales in float32, rounded to the activations' dtype by the 16-bit kernels.
const ROUNDED = {
  float16: { frobenius: 6e-4, scaled: 4e-3 },
  bfloat16: { frobenius: 5e-3, scaled: 3e-2 },
  float32: { frobenius: 1e-5, scaled: 1e-5 },
};

describeDevice(cuda, { title: "cuda, float32 scales", tolerances: ROUNDED });
describeDevice(cuda, {
  title: "cuda, bfloat16 scales",
  weightDType: "bfloat16",
  dtypes: ["bfloat16", "float32"],
  tolerances: OWN,
});
describeDevice(cuda, {
  title: "cuda, float16 scales",
  weightDType: "float16",
  dtypes: ["float16", "float32"],
  tolerances: OWN,
});
