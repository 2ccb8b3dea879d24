/** Reading and checking the tensors of one layer. */
import { CheckpointError, clip, invalid } from "../errors.js";
import { readFloats } from "../floats.js";
import type { TensorInfo, TensorStore } from "../store.js";

/** The tensors `PREFIX.*` of a layer. */
export class LayerFields {
  constructor(
    readonly store: TensorStore,
    readonly name: string,
  ) {}

  key(field: string): string {
    return `${this.name}.${field}`;
  }

  has(field: string): boolean {
    return this.store.tensors.has(this.key(field));
  }

  info(field: string): TensorInfo {
    const info = this.store.tensors.get(this.key(field));
    if (info) return info;
    throw invalid(
      "W4A16_INVALID_CHECKPOINT",
      `layer ${clip(this.name)}`,
      `a tensor ${clip(this.key(field))}`,
      "no such tensor",
      "Fetch the checkpoint again, with all its shards.",
    );
  }

  /** Checks a tensor's dtype and shape; `null` in `shape` is any size. Gives the shape. */
  require(
    field: string,
    dtypes: readonly string[],
    shape: ReadonlyArray<number | null>,
  ): readonly number[] {
    const info = this.info(field);
    const fits =
      dtypes.includes(info.dtype) &&
      info.shape.length === shape.length &&
      shape.every((size, i) => size === null || size === info.shape[i]);
    if (fits) return info.shape;
    const sizes = shape.map((size) => size ?? "any").join(", ");
    throw invalid(
      "W4A16_INVALID_CHECKPOINT",
      clip(this.key(field)),
      `${dtypes.join(" or ")} [${sizes}]`,
      `${info.dtype} [${info.shape.join(", ")}]`,
    );
  }

  bytes(field: string): Promise<Uint8Array> {
    return this.store.read(this.key(field));
  }

  async words(field: string): Promise<Int32Array> {
    return new Int32Array((await this.bytes(field)).buffer);
  }

  floats(field: string): Promise<Float32Array> {
    return readFloats(this.store, this.key(field));
  }

  byteLength(fields: readonly string[]): number {
    return fields.reduce((total, field) => total + this.info(field).byteLength, 0);
  }

  keys(fields: readonly string[]): string[] {
    return fields.map((field) => this.key(field));
  }
}

/** The error for something a public tool can write and we do not read. */
export function unsupported(
  subject: string,
  expected: string,
  received: string,
  fix: string,
): CheckpointError {
  return new CheckpointError({
    code: "W4A16_UNSUPPORTED_FORMAT",
    subject: clip(subject),
    expected,
    received: clip(received),
    fix,
  });
}

export const FLOATS = ["F32", "F16", "BF16"] as const;
