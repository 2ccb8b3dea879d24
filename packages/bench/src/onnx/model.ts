/**
 * ONNX models of one node, the product of an input and a constant, as bytes. Message and field
 * numbers are those of the ONNX project's onnx.proto3.
 */
import { bytesField, type Field, integerField, join, messageField, textField } from "./protobuf.js";

/** TensorProto.DataType of what the models hold. */
const TYPES = { float32: 1, uint8: 2 } as const;

/** Name of the models' input, [M, reduction] in float32. */
export const INPUT = "X";
/** Name of the models' output, [M, width] in float32. */
export const OUTPUT = "Y";

/** An int4 weight in the layout of ONNX Runtime's MatMulNBits operator. */
export interface NBitsWeight {
  readonly n: number;
  readonly k: number;
  readonly groupSize: number;
  /** [N, K/G, G/2]: two codes to a byte, the lower k in the low nibble. */
  readonly codes: Uint8Array;
  /** [N, K/G] */
  readonly scales: Float32Array;
  /** [N, ⌈K/G/2⌉], two zero points to a byte; or real numbers [N, K/G]. */
  readonly zeros: Uint8Array | Float32Array;
}

/**
 * A model with one `com.microsoft.MatMulNBits` node.
 *
 * @param accuracyLevel 0: activations stay float32; 4: they may be rounded to int8.
 */
export function matMulNBitsModel(weight: NBitsWeight, accuracyLevel: 0 | 4): Uint8Array {
  const { n, k, groupSize, codes, scales, zeros } = weight;
  const groups = k / groupSize;
  const node = [
    ...[INPUT, "codes", "scales", "zeros"].map((name) => textField(1, name)),
    textField(2, OUTPUT),
    textField(4, "MatMulNBits"),
    integerAttribute("K", k),
    integerAttribute("N", n),
    integerAttribute("bits", 4),
    integerAttribute("block_size", groupSize),
    integerAttribute("accuracy_level", accuracyLevel),
    textField(7, "com.microsoft"),
  ];
  return model(n, k, node, [
    initializer("codes", "uint8", [n, groups, groupSize / 2], codes),
    initializer("scales", "float32", [n * groups], scales),
    zeros instanceof Uint8Array
      ? initializer("zeros", "uint8", [zeros.length], zeros)
      : initializer("zeros", "float32", [n * groups], zeros),
  ]);
}

/** A model with one `MatMul` node, [M, reduction] times a constant float32 matrix [reduction, width]. */
export function matMulModel(reduction: number, width: number, matrix: Float32Array): Uint8Array {
  const node = [
    textField(1, INPUT),
    textField(1, "weight"),
    textField(2, OUTPUT),
    textField(4, "MatMul"),
  ];
  return model(width, reduction, node, [
    initializer("weight", "float32", [reduction, width], matrix),
  ]);
}

function model(width: number, reduction: number, node: Field[], initializers: Field[]): Uint8Array {
  const graph = messageField(
    7,
    messageField(1, ...node),
    textField(2, "product"),
    ...initializers,
    matrixField(11, INPUT, reduction),
    matrixField(12, OUTPUT, width),
  );
  const operators = (domain: string, version: number) =>
    messageField(8, textField(1, domain), integerField(2, version));
  const irVersion = integerField(1, 9);
  return join([irVersion, graph, operators("", 19), operators("com.microsoft", 1)]);
}

/** AttributeProto of type INT (2). */
function integerAttribute(name: string, value: number): Field {
  return messageField(5, textField(1, name), integerField(3, value), integerField(20, 2));
}

function initializer(
  name: string,
  type: keyof typeof TYPES,
  dimensions: readonly number[],
  data: Uint8Array | Float32Array,
): Field {
  return messageField(
    5,
    ...dimensions.map((size) => integerField(1, size)),
    integerField(2, TYPES[type]),
    textField(8, name),
    bytesField(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  );
}

/** ValueInfoProto of a float32 matrix ["M", columns]; the name of M makes it dynamic. */
function matrixField(number: number, name: string, columns: number): Field {
  const rows = messageField(1, textField(2, "M"));
  const shape = messageField(2, rows, messageField(1, integerField(1, columns)));
  const type = messageField(1, integerField(1, TYPES.float32), shape);
  return messageField(number, textField(1, name), messageField(2, type));
}
