/**
 * Byte layouts of int4 weights. No dependency and no Node built-in: it runs in
 * a browser too.
 *
 * @packageDocumentation
 */
export type { Codes } from "./codes.js";
export {
  ArgumentError,
  type ArgumentErrorCode,
  type ErrorDetails,
  isW4A16Error,
  W4A16Error,
} from "./errors.js";
export { type HqqBits, type HqqPacked, type HqqShape, packHqq, unpackHqq } from "./hqq.js";
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
