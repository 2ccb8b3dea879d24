/** The numbers and limits of the GGUF format. */

/** A tensor type: elements and bytes of a block. */
export interface GgufType {
  readonly name: string;
  readonly elements: number;
  readonly bytes: number;
}

const type = (name: string, elements: number, bytes: number): GgufType => ({
  name,
  elements,
  bytes,
});

/** The tensor types whose sizes are known, by number. */
export const GGUF_TYPES: ReadonlyMap<number, GgufType> = new Map([
  [0, type("F32", 1, 4)],
  [1, type("F16", 1, 2)],
  [2, type("Q4_0", 32, 18)],
  [3, type("Q4_1", 32, 20)],
  [6, type("Q5_0", 32, 22)],
  [7, type("Q5_1", 32, 24)],
  [8, type("Q8_0", 32, 34)],
  [9, type("Q8_1", 32, 36)],
  [10, type("Q2_K", 256, 84)],
  [11, type("Q3_K", 256, 110)],
  [12, type("Q4_K", 256, 144)],
  [13, type("Q5_K", 256, 176)],
  [14, type("Q6_K", 256, 210)],
  [15, type("Q8_K", 256, 292)],
  [24, type("I8", 1, 1)],
  [25, type("I16", 1, 2)],
  [26, type("I32", 1, 4)],
  [27, type("I64", 1, 8)],
  [28, type("F64", 1, 8)],
  [30, type("BF16", 1, 2)],
]);

/** The number of a type that we write. */
export function ggufTypeNumber(name: string): number | undefined {
  for (const [number, { name: known }] of GGUF_TYPES) if (known === name) return number;
  return undefined;
}

/** Dimensions of a tensor: ggml's GGML_MAX_DIMS. */
export const MAX_DIMENSIONS = 4;
/** UTF-8 bytes of a tensor's name: ggml's GGML_MAX_NAME, 64, less the 0 at the end. */
export const MAX_NAME_BYTES = 63;

/** What GGUF lacks for a tensor, as a reason; undefined where it can hold it. */
export function ggufLacks(name: string, dtype: string, shape: readonly number[]) {
  if (ggufTypeNumber(dtype) === undefined) return `${dtype} has no place in GGUF`;
  if (shape.length > MAX_DIMENSIONS) {
    return `${shape.length} dimensions, and GGUF has at most ${MAX_DIMENSIONS}`;
  }
  const bytes = Buffer.byteLength(name);
  if (bytes <= MAX_NAME_BYTES) return undefined;
  return `a name of ${bytes} bytes, and llama.cpp reads no file with one above ${MAX_NAME_BYTES}`;
}

/** "GGUF", little-endian. */
export const GGUF_MAGIC = 0x46554747;
export const GGUF_VERSION = 3;
/** Tensors start at a multiple of this, unless the metadata says otherwise. */
export const GGUF_ALIGNMENT = 32;
/** Numbers of metadata types. */
export const GGUF_STRING = 8;
export const GGUF_ARRAY = 9;
