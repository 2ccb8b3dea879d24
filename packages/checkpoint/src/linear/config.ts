/**
 * The quantization settings that GPTQ and AWQ tools leave beside the weights:
 * `quantization_config` in config.json, or a quantize_config.json (GPTQ) or
 * quant_config.json (AWQ) of its own.
 */
import { existsSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { clip, invalid } from "../errors.js";
import { readSmallFile } from "../io/file.js";
import { type Json, parseStrictJson, requireObject } from "../io/strict-json.js";
import type { TensorStore } from "../store.js";
import { unsupported } from "./fields.js";

const CODE = "W4A16_INVALID_CHECKPOINT";
const MAX_CONFIG_BYTES = 2 ** 24;
const NAMES = ["config.json", "quantize_config.json", "quant_config.json"];

/** What the settings say of every layer. */
export interface PackedConfig {
  readonly method: "gptq" | "awq";
  /** 1: zeros are stored less 1. 2: as they are. Only for GPTQ. */
  readonly version: 1 | 2;
  /** −1 for one group a row. */
  readonly groupSize: number;
}

/** Finds and checks the settings of a checkpoint with `qweight` tensors. */
export async function readPackedConfig(store: TensorStore): Promise<PackedConfig> {
  const { config, subject } = await findConfig(store);
  const method = textOf(config.get("quant_method") ?? methodOf(config));
  if (method !== "gptq" && method !== "awq") {
    throw unsupported(
      subject,
      "quant_method gptq or awq",
      method,
      "Convert the model with its tool.",
    );
  }
  const bits = config.get("bits") ?? config.get("w_bit");
  if (bits !== 4) {
    throw unsupported(subject, "4 bits", clip(bits), "Quantize the model to 4 bits.");
  }
  const groupSize = config.get("group_size") ?? config.get("q_group_size");
  if (!Number.isSafeInteger(groupSize) || ((groupSize as number) < 1 && groupSize !== -1)) {
    throw invalid(CODE, `${subject}: group_size`, "a whole number ≥ 1, or −1", clip(groupSize));
  }
  return {
    method,
    groupSize: groupSize as number,
    version: method === "gptq" ? gptqVersion(config, subject) : requireGemm(config, subject),
  };
}

/** The files beside a checkpoint where such settings may be. */
export function configFiles(store: TensorStore): string[] {
  return NAMES.map((name) => join(folderOf(store), name)).filter((path) => existsSync(path));
}

/** One of these files. */
export async function readConfig(path: string): Promise<Map<string, Json>> {
  const bytes = await readSmallFile(path, MAX_CONFIG_BYTES);
  const json = parseStrictJson(bytes, { subject: path, code: CODE, maxDepth: 64 });
  return requireObject(json, path, CODE);
}

async function findConfig(
  store: TensorStore,
): Promise<{ config: Map<string, Json>; subject: string }> {
  for (const path of configFiles(store)) {
    const root = await readConfig(path);
    if (basename(path) !== "config.json") return { config: root, subject: path };
    const nested = root.get("quantization_config");
    if (nested !== undefined) {
      const subject = `${path}: quantization_config`;
      return { config: requireObject(nested, subject, CODE), subject };
    }
  }
  throw invalid(
    CODE,
    folderOf(store),
    "config.json with a quantization_config, or quantize_config.json",
    "neither",
    "Fetch the model's JSON files too: qweight tensors cannot be read without them.",
  );
}

/** Older files do not name the method, and have a field only one of the tools writes. */
function methodOf(config: Map<string, Json>): string | undefined {
  if (config.has("desc_act")) return "gptq";
  if (config.has("w_bit") || config.has("zero_point")) return "awq";
  return undefined;
}

function gptqVersion(config: Map<string, Json>, subject: string): 1 | 2 {
  const format = textOf(config.get("checkpoint_format") ?? config.get("format") ?? "gptq");
  if (format === "gptq") return 1;
  if (format === "gptq_v2") return 2;
  throw unsupported(
    `${subject}: checkpoint_format`,
    "gptq or gptq_v2",
    format,
    "Save the model in one of these formats with GPTQModel.",
  );
}

function requireGemm(config: Map<string, Json>, subject: string): 2 {
  const version = textOf(config.get("version") ?? "gemm").toLowerCase();
  if (version !== "gemm") {
    const fix = "Save the model with AutoAWQ's version GEMM.";
    throw unsupported(`${subject}: version`, "gemm", version, fix);
  }
  if (config.get("zero_point") === false) {
    throw unsupported(`${subject}: zero_point`, "true", "false", "Quantize with zero_point=True.");
  }
  return 2;
}

function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : clip(value);
}

function folderOf({ path }: TensorStore): string {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory();
  return isFolder ? path : dirname(path);
}
