import { defineConfig } from "tsup";
import { library } from "../../tsup.base.js";

export default defineConfig(
  library({
    index: "src/index.ts",
    errors: "src/errors.ts",
    // A file of its own beside the others: quantizeHqqAsync starts it as a thread.
    "hqq-worker": "src/quantize/hqq-worker.ts",
  }),
);
