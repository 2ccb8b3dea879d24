/**
 * Number formats, int4 weights, quantizers, typed errors and the device seam.
 *
 * @packageDocumentation
 */
export * from "./dequantize.js";
export { Handle } from "./device/handle.js";
export * from "./device/open.js";
export * from "./device/operands.js";
export * from "./device/tensor.js";
export type * from "./device/types.js";
export * from "./dtype/bfloat16.js";
export * from "./dtype/dtype.js";
export * from "./dtype/float16.js";
export * from "./errors.js";
export * from "./weight.js";
