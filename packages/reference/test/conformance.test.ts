import type { Backend } from "@w4a16/core";
import { requireAvailable } from "@w4a16/core";
import { describeDevice } from "../src/conformance/index.js";
import { reference } from "../src/index.js";

describeDevice(reference);
describeDevice(reference, {
  title: "reference, float64",
  openOptions: { precision: "float64" },
  weightDType: "bfloat16",
});

const absent: Backend = {
  name: "absent",
  availability: () => ({ available: false, reason: "it does not exist", fix: "Use another." }),
  open: async () => {
    requireAvailable("absent", absent.availability());
    return reference.open();
  },
};
describeDevice(absent);
