/**
 * Byte layouts of int4 weights. No dependency and no Node built-in: it runs in
 * a browser too.
 *
 * Row interleave is the layout in the middle: each other one is reached from it
 * with `to…` and left with `from…`.
 *
 * @packageDocumentation
 */
export { fromAwq, fromAwqZeros, toAwq, toAwqZeros } from "./awq.js";
export type { Codes } from "./codes.js";
export {
  ArgumentError,
  type ArgumentErrorCode,
  type ErrorDetails,
  isW4A16Error,
  W4A16Error,
} from "./errors.js";
export { gatherInFeatures, gatherOrder } from "./gather.js";
export { fromGemlite, toGemlite } from "./gemlite.js";
export {
  fromGgufQ4_0,
  fromGgufQ4_1,
  type GgufQ4,
  type GgufQ4_1,
  toGgufQ4_0,
  toGgufQ4_1,
} from "./gguf.js";
export {
  fromGptq,
  fromGptqZeros,
  type GptqVersion,
  type GptqZerosShape,
  toGptq,
  toGptqZeros,
} from "./gptq.js";
export { type HqqBits, type HqqPacked, type HqqShape, packHqq, unpackHqq } from "./hqq.js";
export { fromHqq4bit, toHqq4bit } from "./hqq-4bit.js";
export { fromMarlin, fromMarlinScales, toMarlin, toMarlinScales } from "./marlin.js";
export { fromMlx, toMlx } from "./mlx.js";
export {
  fromOnnx,
  fromOnnxZeroPoints,
  type OnnxShape,
  toOnnx,
  toOnnxZeroPoints,
} from "./onnx.js";
export { flipSigns, transposeBytes, transposeFloats, transposeWords } from "./primitives.js";
export {
  type LinearShape,
  type MatrixShape,
  packLinear,
  packLinearRows,
  packRowInterleave,
  type Signedness,
  unpackLinear,
  unpackRowInterleave,
} from "./row-interleave.js";
export {
  fromTinygemm,
  fromTinygemmParameters,
  type TinygemmShape,
  toTinygemm,
  toTinygemmParameters,
} from "./tinygemm.js";
export { biasesToZeros, requireWholeZeros, type ZerosShape, zerosToBiases } from "./zeros.js";
