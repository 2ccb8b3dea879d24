// A one-node ONNX model holding com.microsoft.MatMulNBits, written by hand: the few protobuf
// messages needed (ModelProto, GraphProto, NodeProto, TensorProto) are simpler than a dependency.
// Field numbers are those of onnx.proto3.

const FLOAT = 1;
const UINT8 = 2;
const FLOAT16 = 10;

export const elementType = { float32: FLOAT, uint8: UINT8, float16: FLOAT16 };

function varint(value) {
  const bytes = [];
  let rest = BigInt(value);
  while (rest >= 128n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

const integer = (field, value) => Buffer.concat([varint(field << 3), varint(value)]);
const bytes = (field, data) =>
  Buffer.concat([
    varint((field << 3) | 2),
    varint(data.length),
    Buffer.from(data.buffer, data.byteOffset, data.length),
  ]);
const text = (field, value) => bytes(field, Buffer.from(value));
const message = (field, ...parts) => bytes(field, Buffer.concat(parts));

function initializer(name, type, dims, data) {
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return message(
    5,
    ...dims.map((d) => integer(1, d)),
    integer(2, type),
    text(8, name),
    bytes(9, raw),
  );
}

/** A graph input or output of shape ["M", columns]. */
function value(field, name, type, columns) {
  const shape = message(2, message(1, text(2, "M")), message(1, integer(1, columns)));
  return message(field, text(1, name), message(2, message(1, integer(1, type), shape)));
}

const attribute = (name, v) => message(5, text(1, name), integer(3, v), integer(20, 2));

/**
 * Y[M,N] = A[M,K] · Wᵀ with int4 W in ONNX Runtime's block layout.
 * `blocks` is [N, K/G, G/2] bytes, `scales` [N, K/G] in `type`, `zeros` packed bytes or [N, K/G] in `type`.
 */
export function matMulNBitsModel({ N, K, groupSize, accuracyLevel, type, blocks, scales, zeros }) {
  const groups = K / groupSize;
  const packedZeros = zeros instanceof Uint8Array;
  const node = message(
    1,
    ...["A", "B", "scales", "zeros"].map((name) => text(1, name)),
    text(2, "Y"),
    text(4, "MatMulNBits"),
    attribute("K", K),
    attribute("N", N),
    attribute("bits", 4),
    attribute("block_size", groupSize),
    attribute("accuracy_level", accuracyLevel),
    text(7, "com.microsoft"),
  );
  const graph = message(
    7,
    node,
    text(2, "matmul"),
    initializer("B", UINT8, [N, groups, groupSize / 2], blocks),
    initializer("scales", type, [N * groups], scales),
    packedZeros
      ? initializer("zeros", UINT8, [N * Math.ceil(groups / 2)], zeros)
      : initializer("zeros", type, [N * groups], zeros),
    value(11, "A", type, K),
    value(12, "Y", type, N),
  );
  const opset = (domain, version) => message(8, text(1, domain), integer(2, version));
  return Buffer.concat([integer(1, 9), graph, opset("", 19), opset("com.microsoft", 1)]);
}
