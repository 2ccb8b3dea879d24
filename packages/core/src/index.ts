/**
 * Number formats, int4 weights, quantizers, typed errors and the device seam.
 *
 * @packageDocumentation
 */
export { concatOutFeatures } from "./concat.js";
export * from "./dequantize.js";
export * from "./device/direction.js";
export { Handle } from "./device/handle.js";
export * from "./device/open.js";
export * from "./device/operands.js";
export * from "./device/tensor.js";
export type * from "./device/types.js";
export * from "./dtype/bfloat16.js";
export * from "./dtype/dtype.js";
export * from "./dtype/float16.js";
export { roundToOdd } from "./dtype/round-to-odd.js";
export * from "./errors.js";
export { allocateOrThrow, outOfMemory, type Shortage } from "./memory.js";
export { type QuantizeCodesOptions, type QuantizedCodes, quantizeCodes } from "./quantize/codes.js";
export { quantizeHqq } from "./quantize/hqq.js";
export {
  type HqqAsyncOptions,
  type HqqProgress,
  MAX_WORKERS,
  quantizeHqqAsync,
} from "./quantize/hqq-async.js";
export { type MinMaxOptions, quantizeMinMax } from "./quantize/min-max.js";
export type { HqqOptions, ParameterOptions, QuantizeShape } from "./quantize/options.js";
export * from "./weight.js";
