/**
 * A quantized layer as an ONNX model of one `com.microsoft.MatMulNBits` node:
 * input `X` [M, K], output `Y` [M, N], both float32.
 */
import {
  ArgumentError,
  describeValue,
  type Int4Weight,
  requireInt4Weight,
  requireOptions,
} from "@w4a16/core";
import { toOnnx, toOnnxZeroPoints, transposeFloats } from "@w4a16/packing";
import { clip, requireText } from "../errors.js";
import { encodeFloats } from "../floats.js";
import { unsupported } from "../linear/fields.js";
import { fitWeight, splitGroups } from "../write/fit.js";
import { encodeModel, FLOAT, tensor, UINT8 } from "./graph.js";
import type { Message } from "./protobuf.js";

/** Protocol buffers hold less than 2 GiB. */
const MAX_BYTES = 2 ** 31 - 2 ** 20;
const MIN_BLOCK = 16;
/** Kernels are written for blocks up to this. */
const MAX_BLOCK = 256;

/** Options of `encodeOnnx`. */
export interface OnnxOptions {
  /** Activations the operator may compute with: 0 or 1 float32, 4 int8. Default 0. */
  readonly accuracyLevel?: 0 | 1 | 4 | undefined;
}

/**
 * The bytes of a `.onnx` file of one MatMulNBits node, Y [M, N] = X [M, K] · Wᵀ. Zeros that
 * are whole numbers of 0..15 are stored as integer zero points, any others as float ones:
 * neither loses anything.
 *
 * @throws ArgumentError on a weight that is not well formed or an unknown option, and
 * CheckpointError `W4A16_UNSUPPORTED_FORMAT` unless G is a multiple of a
 * power of two ≥ 16, or where the model would not fit into a protocol buffer.
 */
export function encodeOnnx(
  name: string,
  weight: Int4Weight,
  options: OnnxOptions = {},
): Uint8Array {
  requireText("name", name, "Pass the layer's name.");
  requireInt4Weight(weight);
  requireOptions("options", options, ["accuracyLevel"]);
  const accuracyLevel = requireAccuracyLevel(options.accuracyLevel ?? 0);
  const unsigned = fitWeight(name, weight, { format: "onnx", signed: false, zeros: "real" }, false);
  const blockSize = blockSizeOf(name, unsigned.groupSize);
  const fitted = splitGroups(name, unsigned, blockSize, "onnx");
  const { outFeatures: n, inFeatures: k, packed, scales, zeros } = fitted;
  const blocks = k / blockSize;
  const shape = { outFeatures: n, inFeatures: k };
  if (packed.length + 8 * scales.length > MAX_BYTES) {
    throw unsupported(
      `layer ${clip(name)}`,
      "less than 2 GiB, the most an ONNX file holds",
      `${packed.length + 8 * scales.length} bytes`,
      "Split the layer along its out-features.",
    );
  }
  const whole = zeros.every((zero) => Number.isInteger(zero) && zero >= 0 && zero <= 15);
  const tensors = [
    tensor("weight", UINT8, [n, blocks, blockSize / 2], toOnnx(packed, { ...shape, blockSize })),
    floats("scales", scales, blocks, n),
    whole
      ? tensor(
          "zero_points",
          UINT8,
          [n, Math.ceil(blocks / 2)],
          toOnnxZeroPoints(zeros, { groups: blocks, outFeatures: n }),
        )
      : floats("zero_points", zeros, blocks, n),
  ];
  return encodeModel({
    name,
    operator: "MatMulNBits",
    domain: "com.microsoft",
    constants: ["weight", "scales", "zero_points"],
    attributes: { K: k, N: n, bits: 4, block_size: blockSize, accuracy_level: accuracyLevel },
    tensors,
    reduction: k,
    width: n,
  });
}

function requireAccuracyLevel(level: unknown): number {
  if (level === 0 || level === 1 || level === 4) return level;
  throw new ArgumentError({
    code: "W4A16_INVALID_VALUE",
    subject: "accuracyLevel",
    expected: "0, 1 or 4",
    received: describeValue(level),
    fix: "Omit it for 0: products in float32.",
  });
}

function blockSizeOf(name: string, groupSize: number): number {
  let blockSize = 1;
  while (groupSize % (2 * blockSize) === 0 && blockSize < MAX_BLOCK) blockSize *= 2;
  if (blockSize >= MIN_BLOCK) return blockSize;
  throw unsupported(
    `layer ${clip(name)}`,
    "a group size that is a multiple of 16, as ONNX blocks are powers of two from 16",
    String(groupSize),
    "Quantize the original with --group-size 64.",
  );
}

/** Parameters [blocks, N] as the operator wants them, [N, blocks]. */
function floats(name: string, values: Float32Array, blocks: number, n: number): Message {
  return tensor(name, FLOAT, [n, blocks], encodeFloats(transposeFloats(values, blocks, n), "F32"));
}
