/**
 * What MLX's tools say of their layers in config.json: `quantization`, with `bits` and
 * `group_size` for all of them and, under a layer's name, for one of them.
 */
import { basename } from "node:path";
import { clip, invalid } from "../errors.js";
import { type Json, requireObject } from "../io/strict-json.js";
import type { TensorStore } from "../store.js";
import { configFiles, readConfig } from "./config.js";
import { unsupported } from "./fields.js";

const CODE = "W4A16_INVALID_CHECKPOINT";

/** Gives the group size of a layer, which is in 4 bits; throws where it is not. */
export type MlxGroupSizes = (name: string) => number;

/**
 * The words of all widths look alike: 8 bits in groups of 64 have the shapes of 4 bits in groups
 * of 128, so without its config.json a checkpoint could be read as other numbers.
 */
export async function readMlxConfig(store: TensorStore): Promise<MlxGroupSizes> {
  const path = configFiles(store).find((file) => basename(file) === "config.json");
  const root = path === undefined ? undefined : await readConfig(path);
  const quantization = root?.get("quantization") ?? root?.get("quantization_config");
  if (path === undefined || quantization === undefined) {
    throw invalid(
      CODE,
      store.path,
      "a config.json beside it, with the quantization of its MLX layers",
      path === undefined ? "no such file" : "one without",
      "Fetch the model's config.json too: nothing else tells the bits of its weights.",
    );
  }
  const subject = `${path}: quantization`;
  const common = requireObject(quantization, subject, CODE);
  return (name) => {
    const own = common.get(name);
    const isOwn = typeof own === "object" && own !== null;
    const settings = isOwn ? requireObject(own, `${subject}: ${clip(name)}`, CODE) : common;
    return requireFourBits(`layer ${clip(name)}`, settings);
  };
}

function requireFourBits(subject: string, settings: ReadonlyMap<string, Json>): number {
  const [bits, mode] = [settings.get("bits"), settings.get("mode") ?? "affine"];
  if (bits !== 4 || mode !== "affine") {
    const received = `bits ${clip(bits)}, mode ${clip(mode)}`;
    const fix = "Quantize the model to 4 bits.";
    throw unsupported(subject, "4-bit affine MLX", received, fix);
  }
  const groupSize = settings.get("group_size");
  if (Number.isSafeInteger(groupSize) && (groupSize as number) >= 1) return groupSize as number;
  throw invalid(CODE, `${subject}: group_size`, "a whole number ≥ 1", clip(groupSize));
}
