/**
 * Benchmarks of w4a16's devices: the results document, its reader, and what a
 * device may offer to be timed on its own clock.
 *
 * @packageDocumentation
 */
export { type Change, type Comparison, compareResults } from "./compare.js";
export type {
  DenseWeight,
  DeviceBenchmark,
  DeviceTimeOptions,
  SyncWeight,
} from "./device-hooks.js";
export { renderChart } from "./report/charts.js";
export { contendersIn, groupRows, tableOf } from "./report/format.js";
export { renderReport } from "./report/html.js";
export { type ReadmeOptions, type RenderedReadme, renderReadme } from "./report/markdown.js";
export { type Reporter, SILENT } from "./reporter.js";
export * from "./results.js";
export { type RunOutcome, runBenchmarks } from "./run.js";
export type { Settings } from "./settings.js";
