/** What the ONNX models written here share: one node from `X` [M, reduction] to `Y` [M, width]. */
import { Message } from "./protobuf.js";

/** TensorProto.DataType. */
export const FLOAT = 1;
export const UINT8 = 2;
/** AttributeProto.AttributeType. */
const ATTRIBUTE_INT = 2;

/** Name of a model's input, float32. */
export const INPUT = "X";
/** Name of a model's output, float32. */
export const OUTPUT = "Y";

/** The node, and the constants it takes. */
export interface ModelNode {
  readonly name: string;
  readonly operator: string;
  /** "" for ONNX's own operators. */
  readonly domain: string;
  /** Names of the tensors after the input. */
  readonly constants: readonly string[];
  readonly attributes: Readonly<Record<string, number>>;
  readonly tensors: readonly Message[];
  readonly reduction: number;
  readonly width: number;
}

/** The bytes of a model of one node. Field numbers are those of onnx.proto. */
export function encodeModel(model: ModelNode): Uint8Array {
  const node = new Message();
  for (const input of [INPUT, ...model.constants]) node.string(1, input);
  node.string(2, OUTPUT).string(3, model.name).string(4, model.operator).string(7, model.domain);
  for (const [attribute, value] of Object.entries(model.attributes)) {
    node.message(5, new Message().string(1, attribute).varint(3, value).varint(20, ATTRIBUTE_INT));
  }
  const graph = new Message().message(1, node).string(2, model.name);
  for (const initializer of model.tensors) graph.message(5, initializer);
  graph.message(11, matrix(INPUT, model.reduction)).message(12, matrix(OUTPUT, model.width));
  return new Message()
    .varint(1, 8)
    .string(2, "w4a16")
    .message(7, graph)
    .message(8, new Message().string(1, "").varint(2, 17))
    .message(8, new Message().string(1, "com.microsoft").varint(2, 1))
    .finish();
}

/** A TensorProto: dims, data_type, name, raw_data. */
export function tensor(name: string, type: number, dims: number[], raw: Uint8Array): Message {
  const message = new Message();
  for (const size of dims) message.varint(1, size);
  return message.varint(2, type).string(8, name).bytes(9, raw);
}

/** A ValueInfoProto of float32 [M, width]; the name of M makes it dynamic. */
function matrix(name: string, width: number): Message {
  const shape = new Message()
    .message(1, new Message().string(2, "M"))
    .message(1, new Message().varint(1, width));
  const type = new Message().message(1, new Message().varint(1, FLOAT).message(2, shape));
  return new Message().string(1, name).message(2, type);
}
