/** The number formats of activations, and the typed arrays that carry them. */
import {
  ArgumentError,
  describeValue,
  requireInstance,
  requireInteger,
  requireLength,
  requireName,
} from "../errors.js";
import { allocateOrThrow } from "../memory.js";
import { decodeBFloat16, encodeBFloat16 } from "./bfloat16.js";
import { decodeFloat16, encodeFloat16 } from "./float16.js";

/** A format of activations and outputs. */
export type DType = "float16" | "bfloat16" | "float32";

export const DTYPES: readonly DType[] = ["float16", "bfloat16", "float32"];

/** Elements as a device stores them: float32 values, or the bits of 16-bit values. */
export type TensorArray = Float32Array | Uint16Array;

/**
 * What callers may pass as elements of a dtype: its own array (`Float32Array`
 * for float32, `Uint16Array` of bits otherwise), a `Float16Array` for float16
 * where the runtime has it, or a `Float32Array` for any dtype, which is then
 * rounded to nearest even.
 */
export type TensorData = TensorArray | Float16ArrayLike;

/** A `Float16Array`, by structure, since Node 20 and 22 lack the global. */
export interface Float16ArrayLike extends ArrayBufferView {
  readonly [Symbol.toStringTag]: "Float16Array";
  readonly length: number;
}

/** Bytes of one element. */
export function bytesPerElement(dtype: DType): 2 | 4 {
  return dtype === "float32" ? 4 : 2;
}

/** Checks that `dtype` names a format. Throws `W4A16_INVALID_DTYPE`. */
export function requireDType(subject: string, dtype: unknown): DType {
  return requireName(subject, dtype, DTYPES, "W4A16_INVALID_DTYPE");
}

/**
 * A new array of zeros for `length` elements of `dtype`.
 *
 * @throws DeviceError `W4A16_OUT_OF_MEMORY` if the runtime cannot allocate it.
 */
export function allocate(dtype: DType, length: number): TensorArray {
  requireDType("dtype", dtype);
  requireInteger("length", length, 0);
  return allocateOrThrow(length * bytesPerElement(dtype), () =>
    dtype === "float32" ? new Float32Array(length) : new Uint16Array(length),
  );
}

/**
 * `data` as elements of `dtype`: itself where it already is (no copy), rounded
 * to nearest even where a `Float32Array` is given for a 16-bit dtype.
 *
 * @throws ArgumentError `W4A16_INVALID_TYPE` or `W4A16_INVALID_LENGTH`.
 */
export function encode(dtype: DType, data: TensorData, length: number): TensorArray {
  requireDType("dtype", dtype);
  if (!isDataOf(dtype, data)) {
    throw new ArgumentError({
      code: "W4A16_INVALID_TYPE",
      subject: "data",
      expected:
        dtype === "float32"
          ? "a Float32Array"
          : `a Float32Array, or a Uint16Array of ${dtype} bits${dtype === "float16" ? ", or a Float16Array" : ""}`,
      received: describeValue(data),
      fix: `Convert the values to one of these for a tensor of dtype ${dtype}.`,
    });
  }
  requireLength("data", data, requireInteger("length", length, 0), "as the tensor's shape says");
  if (data instanceof Float32Array) {
    if (dtype === "float32") return data;
    return dtype === "float16" ? encodeFloat16(data) : encodeBFloat16(data);
  }
  if (data instanceof Uint16Array) return data;
  return new Uint16Array(data.buffer, data.byteOffset, data.length);
}

/** The float32 values of elements of `dtype`; float32 elements are returned as they are. */
export function decode(dtype: DType, elements: TensorArray): Float32Array {
  if (requireDType("dtype", dtype) === "float32") {
    return requireInstance("elements", elements, [Float32Array]);
  }
  const bits = requireInstance("elements", elements, [Uint16Array]);
  return dtype === "float16" ? decodeFloat16(bits) : decodeBFloat16(bits);
}

/** Rounds each value to `dtype` and back, into a new array. */
export function roundTo(dtype: DType, values: Float32Array): Float32Array {
  requireInstance("values", values, [Float32Array]);
  if (requireDType("dtype", dtype) !== "float32") {
    return decode(dtype, encode(dtype, values, values.length));
  }
  // A detached array has no elements and cannot be copied.
  if (values.length === 0) return new Float32Array(0);
  return allocateOrThrow(values.byteLength, () => values.slice());
}

function isDataOf(dtype: DType, data: unknown): data is TensorData {
  if (!ArrayBuffer.isView(data)) return false;
  if (data instanceof Float32Array) return true;
  if (data instanceof Uint16Array) return dtype !== "float32";
  return dtype === "float16" && isFloat16Array(data);
}

function isFloat16Array(data: ArrayBufferView): data is Float16ArrayLike {
  return Object.prototype.toString.call(data) === "[object Float16Array]";
}
