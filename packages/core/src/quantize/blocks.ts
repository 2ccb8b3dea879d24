/** A weight is quantized a block of rows at a time, which stays in the second-level cache. */
import { packLinearRows } from "@w4a16/packing";
import type { DType } from "../dtype/dtype.js";
import { allocateOrThrow } from "../memory.js";
import type { Int4Weight } from "../weight.js";
import { type CodeRange, encodeGroups, type GroupParameters, keepIn } from "./groups.js";
import type { QuantizeInput } from "./options.js";

/** Some rows of a weight: 512 KB at K = 4096. */
export interface Block {
  /** The first row, counted in the whole weight. */
  readonly row: number;
  readonly rows: number;
  /** [rows, K], a view of the whole weight. */
  readonly weight: Float32Array;
}

const ROWS = 32;

/** The blocks of a weight, in order. */
export function blocksOf({ weight, n, k }: QuantizeInput): Block[] {
  return Array.from({ length: Math.ceil(n / ROWS) }, (_, i) => {
    const row = i * ROWS;
    const rows = Math.min(ROWS, n - row);
    return { row, rows, weight: weight.subarray(row * k, (row + rows) * k) };
  });
}

/**
 * An `Int4Weight` of zeros, to be filled in.
 *
 * @throws DeviceError `W4A16_OUT_OF_MEMORY` if the runtime cannot allocate it.
 */
export function allocateInt4Weight(
  { n, k, groupSize }: Omit<QuantizeInput, "weight">,
  signed: boolean,
): Int4Weight {
  const bytes = (k / 2) * n;
  const parameters = (k / groupSize) * n;
  return allocateOrThrow(bytes + 8 * parameters, () => ({
    outFeatures: n,
    inFeatures: k,
    groupSize,
    signed,
    packed: new Uint8Array(bytes),
    scales: new Float32Array(parameters),
    zeros: new Float32Array(parameters),
  }));
}

/**
 * Encodes a block with its parameters, as numbers of `parameterDType`, and stores all of it in
 * `into`.
 *
 * @throws ArgumentError `W4A16_INVALID_VALUE` if a scale or zero is beyond the type's range.
 */
export function storeBlock(
  into: Int4Weight,
  { row, weight }: Block,
  parameters: GroupParameters,
  range: CodeRange,
  parameterDType: DType,
): void {
  const kept = keepIn(parameterDType, parameters);
  const codes = into.signed ? new Int8Array(weight.length) : new Uint8Array(weight.length);
  encodeGroups(weight, into.groupSize, kept, range, codes);
  const { outFeatures, inFeatures } = into;
  packLinearRows(codes, { outFeatures, inFeatures }, row, into.packed);
  storeParameters(into.scales, into, row, kept.scales);
  storeParameters(into.zeros, into, row, kept.zeros);
}

/** Stores a block's values, in group order [rows, K/G], in their place in [K/G, N]. */
function storeParameters(
  into: Float32Array,
  { outFeatures: n, inFeatures, groupSize }: Int4Weight,
  row: number,
  values: Float32Array,
): void {
  const groupsPerRow = inFeatures / groupSize;
  for (let from = 0, r = row; from < values.length; r++) {
    for (let g = 0; g < groupsPerRow; g++, from++) into[g * n + r] = values[from]!;
  }
}

/** Copies a block that was made as a weight of its own into its place, from out-feature `row` on. */
export function insertBlock(into: Int4Weight, block: Int4Weight, row: number): void {
  insertColumns(into.packed, into.outFeatures, block.packed, block.outFeatures, row);
  insertColumns(into.scales, into.outFeatures, block.scales, block.outFeatures, row);
  insertColumns(into.zeros, into.outFeatures, block.zeros, block.outFeatures, row);
}

/** Copies a row-major matrix of `width` columns into columns `col…` of a wider one. */
function insertColumns<T extends Uint8Array | Float32Array>(
  into: T,
  stride: number,
  from: T,
  width: number,
  col: number,
): void {
  for (let at = col, i = 0; i < from.length; at += stride) {
    for (let c = 0; c < width; c++) into[at + c] = from[i++]!;
  }
}
