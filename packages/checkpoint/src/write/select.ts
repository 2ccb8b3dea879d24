/** Which layers of a float checkpoint are quantized. */
import picomatch from "picomatch";
import type { LinearLayer } from "../linear/types.js";

/**
 * Left in float unless --include names them: embeddings are looked up, not
 * multiplied, and an output head quantized to 4 bits costs more than it saves. GGUF calls them
 * `token_embd` and `output`. A matrix of scales belongs to a format that is not read here.
 */
export const DEFAULT_EXCLUDE = [
  "*embed*",
  "*embd*",
  "*wte*",
  "*wpe*",
  "*lm_head*",
  "output",
  "*_scale*",
];

/** Which layers are asked for. */
export interface Selection {
  readonly groupSize: number;
  readonly include?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
}

/** Which layers there are of those asked for. */
export interface Selected {
  readonly chosen: readonly LinearLayer[];
  /** Layers that were asked for and cannot be quantized, and why. */
  readonly skipped: ReadonlyArray<{ readonly name: string; readonly reason: string }>;
}

/** A matcher of layer names: globs in which * also spans dots. */
export function matcher(patterns: readonly string[]): (name: string) => boolean {
  if (patterns.length === 0) return () => false;
  return picomatch([...patterns], { dot: true, bash: true, nonegate: true });
}

/** The float layers that are asked for, by those that can be quantized and those that cannot. */
export function selectLayers(
  layers: Iterable<LinearLayer>,
  { groupSize, include, exclude }: Selection,
): Selected {
  const included = include?.length ? matcher(include) : () => true;
  const excluded = matcher([...(exclude ?? []), ...(include?.length ? [] : DEFAULT_EXCLUDE)]);
  const chosen: LinearLayer[] = [];
  const skipped: Array<{ name: string; reason: string }> = [];
  for (const layer of layers) {
    const { name, format, inFeatures } = layer;
    if (format !== "float" || !included(name) || excluded(name)) continue;
    if (inFeatures % groupSize !== 0) {
      skipped.push({ name, reason: `${inFeatures} in-features are no multiple of ${groupSize}` });
    } else if (inFeatures % 2 !== 0) {
      skipped.push({ name, reason: `${inFeatures} in-features are odd` });
    } else chosen.push(layer);
  }
  return { chosen, skipped };
}
