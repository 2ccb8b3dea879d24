import { requireInstance, requireInteger, requireLength, requireOptions } from "@w4a16/core";
import { requireText } from "../errors.js";
import { encodeFloats } from "../floats.js";
import { encodeModel, FLOAT, tensor } from "./graph.js";

/**
 * The bytes of a `.onnx` file of one MatMul node, float32 [M, reduction] times a
 * constant [reduction, width]: what an unquantized layer is beside {@link encodeOnnx}'s.
 *
 * @throws ArgumentError on a matrix of another class or length.
 */
export function encodeOnnxDense(
  name: string,
  matrix: Float32Array,
  shape: { readonly reduction: number; readonly width: number },
): Uint8Array {
  requireText("name", name, "Pass the layer's name.");
  requireOptions("shape", shape, ["reduction", "width"]);
  const reduction = requireInteger("reduction", shape.reduction, 1);
  const width = requireInteger("width", shape.width, 1);
  requireInstance("matrix", matrix, [Float32Array]);
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
