/**
 * The device that runs anywhere, and the float64 oracle every other device is
 * checked against.
 *
 * @packageDocumentation
 */
export { type ReferenceOptions, reference } from "./backend.js";
export type { Precision } from "./multiply/panels.js";
export { type ExactInput, exactMatmul, exactMatmulTransposed } from "./oracle.js";
