import { requireLength } from "@w4a16/core";
import { encodeFloats } from "../floats.js";
import { encodeModel, FLOAT, tensor } from "./graph.js";

/**
 * The bytes of a `.onnx` file of one MatMul node, float32 [M, reduction] times a
 * constant [reduction, width]: what an unquantized layer is beside {@link encodeOnnx}'s.
 *
 * @throws ArgumentError on a matrix of another length.
 */
export function encodeOnnxDense(
  name: string,
  matrix: Float32Array,
  shape: { readonly reduction: number; readonly width: number },
): Uint8Array {
  const { reduction, width } = shape;
  requireLength("matrix", matrix, reduction * width, "[reduction, width]");
  return encodeModel({
    name,
    operator: "MatMul",
    domain: "",
    constants: ["weight"],
    attributes: {},
    tensors: [tensor("weight", FLOAT, [reduction, width], encodeFloats(matrix, "F32"))],
    reduction,
    width,
  });
}
