import { defineConfig } from "tsup";
import { library } from "../../tsup.base.js";

export default defineConfig(
  library({
    index: "src/index.ts",
    main: "src/cli/main.ts",
    // Started as a thread by the bandwidth probe.
    "bandwidth-worker": "src/floor/bandwidth-worker.ts",
    // Run as a process by the memory suite.
    "memory-probe": "src/suites/memory-probe.ts",
  }),
);
