/**
 * Layers as the hqq library saves them in safetensors: `W_q` (4bit_u8), `scale`
 * and `zero` [N·K/G, 1], and the settings as tensors of their own (strings as u8
 * characters, booleans as u8, whole numbers as int32 or int64).
 */
import type { Int4Weight } from "@w4a16/core";
import { fromHqq4bit, toHqq4bit, transposeFloats } from "@w4a16/packing";
import { clip, invalid } from "../errors.js";
import { encodeFloats } from "../floats.js";
import type { TensorSpec } from "../layout.js";
import type { TensorStore } from "../store.js";
import { FLOATS, LayerFields, unsupported } from "./fields.js";
import type { LinearLayer } from "./types.js";

const CODE = "W4A16_INVALID_CHECKPOINT";

/** Everything hqq keeps of a layer beside its bias. */
const FIELDS = [
  "W_q",
  "scale",
  "zero",
  "nbits",
  "group_size",
  "shape",
  "axis",
  "packing",
  "unpack_view_dtype",
  "view_as_float",
  "compute_dtype",
  "quant_scale",
  "quant_zero",
  "channel_wise",
  "optimize",
  "round_zero",
  "encoded_state_dict",
  "stores_quant_config",
  "offload_meta",
];

/** The layers that have a `W_q`. */
export function readHqqLayers(store: TensorStore): Promise<LinearLayer[]> {
  const names = [...store.tensors.keys()].filter((key) => key.endsWith(".W_q"));
  return Promise.all(names.map((key) => describe(new LayerFields(store, key.slice(0, -4)))));
}

async function describe(fields: LayerFields): Promise<LinearLayer> {
  const { name } = fields;
  const bits = await integer(fields, "nbits");
  if (bits !== 4) {
    throw unsupported(name, "4-bit HQQ", `${bits}-bit HQQ`, "Quantize the model with nbits=4.");
  }
  if (fields.has("axis") && (await integer(fields, "axis")) !== 1) {
    throw unsupported(
      name,
      "groups along in-features (axis=1)",
      "axis=0",
      "Quantize the model with axis=1: other groups cannot be multiplied fused.",
    );
  }
  for (const field of ["quant_scale", "quant_zero"]) {
    if (fields.has(field) && (await integer(fields, field)) !== 0) {
      throw unsupported(name, `${field}=False`, `${field}=True`, `Quantize with ${field}=False.`);
    }
  }
  if (fields.has("packing") && (await text(fields, "packing")) !== "4bit_u8") {
    const packing = await text(fields, "packing");
    throw unsupported(name, "packing 4bit_u8", packing, "Save with hqq's default packing.");
  }
  const [n, k] = (await integers(fields, "shape", 2)) as [number, number];
  const groupSize = await integer(fields, "group_size");
  const groups = (n * k) / groupSize;
  if (k % 2 !== 0 || n < 1 || k < 1 || groupSize < 1 || k % groupSize !== 0) {
    throw invalid(CODE, clip(name), "shape [N, K], K even, group_size a divisor of K", [
      n,
      k,
      groupSize,
    ]);
  }
  // view_as_float keeps the same bytes under a float dtype.
  const { byteLength, dtype } = fields.info("W_q");
  if (byteLength !== (n * k) / 2 || !["U8", "I8", ...FLOATS].includes(dtype)) {
    throw invalid(
      CODE,
      clip(fields.key("W_q")),
      `${(n * k) / 2} packed bytes`,
      `${dtype}, ${byteLength} bytes`,
    );
  }
  for (const field of ["scale", "zero"]) fields.require(field, FLOATS, [groups, 1]);
  const present = FIELDS.filter((field) => fields.has(field));
  const shape = { outFeatures: n, inFeatures: k };
  return {
    name,
    format: "hqq",
    ...shape,
    groupSize,
    byteLength: fields.byteLength(present),
    tensors: fields.keys(present),
    load: async () => ({
      weight: {
        ...shape,
        groupSize,
        signed: false,
        packed: fromHqq4bit(await fields.bytes("W_q"), shape),
        scales: transposeFloats(await fields.floats("scale"), n, k / groupSize),
        zeros: transposeFloats(await fields.floats("zero"), n, k / groupSize),
      },
    }),
  };
}

/** One or more whole numbers in a small integer tensor. */
async function integers(fields: LayerFields, field: string, count: number): Promise<number[]> {
  const { dtype, byteLength } = fields.info(field);
  const size = { U8: 1, BOOL: 1, I8: 1, I32: 4, I64: 8 }[dtype];
  if (size === undefined || byteLength !== size * count) {
    throw invalid(
      CODE,
      clip(fields.key(field)),
      `${count} of U8, I32 or I64`,
      `${dtype}, ${byteLength} bytes`,
    );
  }
  const { buffer } = await fields.bytes(field);
  if (size === 8) return Array.from(new BigInt64Array(buffer), Number);
  return Array.from(size === 4 ? new Int32Array(buffer) : new Uint8Array(buffer));
}

async function integer(fields: LayerFields, field: string): Promise<number> {
  return (await integers(fields, field, 1))[0]!;
}

/** Text kept as u8 characters; only compared with known values, never evaluated. */
async function text(fields: LayerFields, field: string): Promise<string> {
  const { dtype, byteLength } = fields.info(field);
  if (dtype === "U8" && byteLength <= 64)
    return String.fromCharCode(...(await fields.bytes(field)));
  throw invalid(CODE, clip(fields.key(field)), "at most 64 characters as U8", dtype);
}

interface Shape {
  readonly outFeatures: number;
  readonly inFeatures: number;
  readonly groupSize: number;
}

/** The settings of a layer we write, each with its dtype, shape and bytes. */
function settings({ outFeatures, inFeatures, groupSize }: Shape) {
  const i32 = (value: number) => ({ dtype: "I32", shape: [], data: Int32Array.of(value) });
  const flag = (value: boolean) => ({ dtype: "U8", shape: [], data: Uint8Array.of(+value) });
  const characters = (value: string) => ({
    dtype: "U8",
    shape: [value.length],
    data: new TextEncoder().encode(value),
  });
  return {
    nbits: i32(4),
    group_size: i32(groupSize),
    shape: {
      dtype: "I64",
      shape: [2],
      data: BigInt64Array.of(BigInt(outFeatures), BigInt(inFeatures)),
    },
    axis: i32(1),
    packing: characters("4bit_u8"),
    unpack_view_dtype: characters("torch.uint8"),
    view_as_float: flag(false),
    compute_dtype: characters("torch.float32"),
    quant_scale: flag(false),
    quant_zero: flag(false),
    channel_wise: flag(true),
    optimize: flag(true),
    round_zero: flag(false),
    encoded_state_dict: flag(true),
    stores_quant_config: flag(true),
    offload_meta: flag(false),
  };
}

/**
 * The tensors of a layer as hqq's library loads it, with float32 parameters.
 *
 * @throws CheckpointError on an odd number of groups, which 4bit_u8 cannot hold.
 */
export function hqqSpecs(name: string, shape: Shape): TensorSpec[] {
  const { outFeatures: n, inFeatures: k, groupSize } = shape;
  const groups = (n * k) / groupSize;
  if (groups % 2 !== 0) {
    throw unsupported(
      name,
      "an even number of groups, two to a byte in HQQ's 4bit_u8",
      String(groups),
      "Choose another group size, or another format.",
    );
  }
  return [
    { name: `${name}.W_q`, dtype: "U8", shape: [groups / 2, groupSize] },
    { name: `${name}.scale`, dtype: "F32", shape: [groups, 1] },
    { name: `${name}.zero`, dtype: "F32", shape: [groups, 1] },
    ...Object.entries(settings(shape)).map(([field, { dtype, shape: size }]) => ({
      name: `${name}.${field}`,
      dtype,
      shape: size,
    })),
  ];
}

/** Their bytes, in the same order, of a weight with unsigned codes. */
export function hqqBytes(weight: Int4Weight): Uint8Array[] {
  const { outFeatures: n, inFeatures: k, groupSize } = weight;
  const byRow = (values: Float32Array) =>
    encodeFloats(transposeFloats(values, k / groupSize, n), "F32");
  return [
    toHqq4bit(weight.packed, { outFeatures: n, inFeatures: k }),
    byRow(weight.scales),
    byRow(weight.zeros),
    ...Object.values(settings(weight)).map(
      ({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    ),
  ];
}
