/** What a checkpoint says about its linear layers, in whatever format each is stored. */
import type { Int4Weight } from "@w4a16/core";

/** How a layer is stored. */
export type LinearFormat = "w4a16" | "hqq" | "gptq" | "awq" | "mlx" | "q4_0" | "q4_1" | "float";

/** A quantized weight, and the order of activations it was made for. */
export interface LoadedLinear {
  /** As `loadWeight` of a device takes it. */
  readonly weight: Int4Weight;
  /**
   * Only for GPTQ's act-order: in-feature i of `weight` multiplies activation
   * `order[i]`. Absent: the stored order.
   */
  readonly order?: Uint32Array | undefined;
}

/** A linear layer of a checkpoint; its data is read by `load`. */
export interface LinearLayer {
  /** The layer's name, without the tensor's suffix (`.weight`, `.qweight`, …). */
  readonly name: string;
  readonly format: LinearFormat;
  /** N */
  readonly outFeatures: number;
  /** K */
  readonly inFeatures: number;
  /** G; absent for a float layer. */
  readonly groupSize?: number | undefined;
  /** Codes −8..7; only our own format has such. */
  readonly signed?: boolean | undefined;
  /** Bytes of all its tensors. */
  readonly byteLength: number;
  /** The tensors that make it up; a bias is not among them. */
  readonly tensors: readonly string[];
  /** Reads and repacks it. Float layers throw `W4A16_NOT_QUANTIZED`. */
  load(): Promise<LoadedLinear>;
}
