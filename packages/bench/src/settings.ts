/** The choices a run has. */
import type { Direction, DType } from "@w4a16/core";
import type { Shape } from "./shapes.js";

/** What a run can measure. */
export const SUITES = ["matmul", "quantize", "pack", "load", "memory", "call"] as const;

export type Suite = (typeof SUITES)[number];

/** What stands beside the device under test; the names are keys of the results. */
export const PEERS = [
  "unfused",
  "dense",
  "onnxruntime0",
  "onnxruntime4",
  "onnxruntime0-float",
  "onnxruntime4-float",
  "onnxruntime-web",
] as const;

export type Peer = (typeof PEERS)[number];

/** What a run is asked to do. */
export interface Settings {
  readonly device: string;
  readonly suites: readonly Suite[];
  readonly shapes: readonly Shape[];
  readonly dtype: DType;
  readonly groupSize: number;
  readonly directions: readonly Direction[];
  readonly peers: readonly Peer[];
  /** The same operands in every run, instead of cold caches. */
  readonly warm: boolean;
  /** Seconds of timed runs for each contender in each row. */
  readonly budget: number;
  /** Where to write the results document. */
  readonly json?: string | undefined;
  /** Where to write the report. */
  readonly html?: string | undefined;
}
