/**
 * A quantized layer as an ONNX model of one `com.microsoft.MatMulNBits` node:
 * input `X` [M, K], output `Y` [M, N], both float32.
 *
 * Field numbers are those of onnx.proto.
 */
import type { Int4Weight } from "@w4a16/core";
import { toOnnx, toOnnxZeroPoints, transposeFloats } from "@w4a16/packing";
import { clip } from "../errors.js";
import { encodeFloats } from "../floats.js";
import { unsupported } from "../linear/fields.js";
import { fitWeight, splitGroups } from "../write/fit.js";
import { Message } from "./protobuf.js";

/** Types of TensorProto. */
const FLOAT = 1;
const UINT8 = 2;
const ATTRIBUTE_INT = 2;
/** Protocol buffers hold less than 2 GiB. */
const MAX_BYTES = 2 ** 31 - 2 ** 20;
const MIN_BLOCK = 16;
/** Kernels are written for blocks up to this. */
const MAX_BLOCK = 256;

export interface OnnxOptions {
  /** Activations the operator may compute with: 0 or 1 float32, 4 int8. Default 0. */
  readonly accuracyLevel?: 0 | 1 | 4 | undefined;
}

/**
 * The bytes of a `.onnx` file. Zeros that are whole numbers of 0..15 are stored as
 * integer zero points, any others as float ones: neither loses anything.
 *
 * @throws CheckpointError `W4A16_UNSUPPORTED_FORMAT` unless G is a multiple of a
 * power of two ≥ 16, or where the model would not fit into a protocol buffer.
 */
export function encodeOnnx(
  name: string,
  weight: Int4Weight,
  { accuracyLevel = 0 }: OnnxOptions = {},
): Uint8Array {
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
  const node = new Message();
  for (const input of ["X", "weight", "scales", "zero_points"]) node.string(1, input);
  node.string(2, "Y").string(3, name).string(4, "MatMulNBits").string(7, "com.microsoft");
  const attributes = { K: k, N: n, bits: 4, block_size: blockSize, accuracy_level: accuracyLevel };
  for (const [attribute, value] of Object.entries(attributes)) {
    node.message(5, new Message().string(1, attribute).varint(3, value).varint(20, ATTRIBUTE_INT));
  }
  const graph = new Message().message(1, node).string(2, name);
  for (const initializer of tensors) graph.message(5, initializer);
  graph.message(11, matrix("X", k)).message(12, matrix("Y", n));
  return new Message()
    .varint(1, 8)
    .string(2, "w4a16")
    .message(7, graph)
    .message(8, new Message().string(1, "").varint(2, 17))
    .message(8, new Message().string(1, "com.microsoft").varint(2, 1))
    .finish();
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

/** A TensorProto: dims, data_type, name, raw_data. */
function tensor(name: string, type: number, dims: number[], raw: Uint8Array): Message {
  const message = new Message();
  for (const size of dims) message.varint(1, size);
  return message.varint(2, type).string(8, name).bytes(9, raw);
}

/** Parameters [blocks, N] as the operator wants them, [N, blocks]. */
function floats(name: string, values: Float32Array, blocks: number, n: number): Message {
  return tensor(name, FLOAT, [n, blocks], encodeFloats(transposeFloats(values, blocks, n), "F32"));
}

/** A ValueInfoProto of float32 [M, width]. */
function matrix(name: string, width: number): Message {
  const shape = new Message()
    .message(1, new Message().string(2, "M"))
    .message(1, new Message().varint(1, width));
  const type = new Message().message(1, new Message().varint(1, FLOAT).message(2, shape));
  return new Message().string(1, name).message(2, type);
}
