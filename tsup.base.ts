import type { Options } from "tsup";

/** Build settings every package shares: ESM and CommonJS, types for both. */
export function library(entry: Record<string, string>, extra: Options = {}): Options {
  return {
    entry,
    format: ["esm", "cjs"],
    target: "node20",
    dts: true,
    clean: true,
    sourcemap: true,
    splitting: true,
    treeshake: true,
    shims: true,
    ...extra,
  };
}
