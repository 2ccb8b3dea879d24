/** Float tensors of checkpoints, as float32 values. */
import { decodeBFloat16, decodeFloat16, encodeBFloat16, encodeFloat16 } from "@w4a16/core";
import { clip, invalid } from "./errors.js";
import type { TensorStore } from "./store.js";

export type FloatDType = "F32" | "F16" | "BF16";

export function isFloatDType(dtype: string): dtype is FloatDType {
  return dtype === "F32" || dtype === "F16" || dtype === "BF16";
}

/** The values of little-endian bytes, exactly. */
function decodeFloats(bytes: Uint8Array, dtype: FloatDType): Float32Array {
  const { buffer, byteOffset, byteLength } = bytes;
  if (dtype === "F32") return new Float32Array(buffer, byteOffset, byteLength / 4);
  const bits = new Uint16Array(buffer, byteOffset, byteLength / 2);
  return dtype === "F16" ? decodeFloat16(bits) : decodeBFloat16(bits);
}

/** Little-endian bytes of values, rounded to nearest even. */
export function encodeFloats(values: Float32Array, dtype: FloatDType): Uint8Array {
  const elements =
    dtype === "F32" ? values : dtype === "F16" ? encodeFloat16(values) : encodeBFloat16(values);
  return new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
}

/** Reads a float tensor. Throws `W4A16_INVALID_CHECKPOINT` where it is none. */
export async function readFloats(store: TensorStore, name: string): Promise<Float32Array> {
  const dtype = store.tensors.get(name)?.dtype ?? "";
  const bytes = await store.read(name);
  if (isFloatDType(dtype)) return decodeFloats(bytes, dtype);
  throw invalid("W4A16_INVALID_CHECKPOINT", clip(name), "dtype F32, F16 or BF16", dtype);
}
