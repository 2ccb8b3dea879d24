/**
 * Int4 checkpoints: every public format in, ours, HQQ's, GGUF's and ONNX's out.
 *
 * @packageDocumentation
 */
export {
  type Checkpoint,
  findLayer,
  loadLinear,
  loadOrderedLinear,
  openCheckpoint,
} from "./checkpoint.js";
export {
  type ConvertOptions,
  type ConvertReport,
  convertCheckpoint,
  OUTPUT_FORMATS,
  type OutputFormatName,
} from "./convert.js";
export { type DeviceReport, type KernelReport, listDevices } from "./devices.js";
export { CheckpointError, type CheckpointErrorCode } from "./errors.js";
export type { LinearFormat, LinearLayer, LoadedLinear } from "./linear/types.js";
export { encodeOnnxDense } from "./onnx/dense.js";
export { INPUT as ONNX_INPUT, OUTPUT as ONNX_OUTPUT } from "./onnx/graph.js";
export { encodeOnnx, type OnnxOptions } from "./onnx/model.js";
export {
  type LayerReport,
  type QuantizeCheckpointOptions,
  type QuantizeMethod,
  type QuantizeProgress,
  type QuantizeReport,
  quantizeCheckpoint,
} from "./quantize.js";
export { type SaveOptions, type SaveReport, saveWeights } from "./save.js";
export type { TensorInfo, TensorStore } from "./store.js";
export {
  type LayerCheck,
  type VerifyOptions,
  type VerifyReport,
  verifyCheckpoint,
} from "./verify.js";
export type { WeightError } from "./write/error.js";
export { requantizeWeight } from "./write/fit.js";
export type { FileFormat } from "./write/formats.js";
export type { CheckpointProgress } from "./write/run.js";
