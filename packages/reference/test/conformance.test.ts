import { describeDevice } from "../src/conformance/index.js";
import { reference } from "../src/index.js";

describeDevice(reference);
describeDevice(reference, {
  title: "reference, float64",
  openOptions: { precision: "float64" },
  weightDType: "bfloat16",
});
