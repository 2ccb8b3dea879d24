/** Finds and loads the native addon. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { NativeAddon } from "./native.js";

export type LoadedAddon =
  | { readonly addon: NativeAddon }
  | { readonly addon: undefined; readonly reasons: readonly string[] };

let loaded: LoadedAddon | undefined;

/** The addon, or why each place where it could be has none. */
export function loadAddon(): LoadedAddon {
  loaded ??= load();
  return loaded;
}

function load(): LoadedAddon {
  const require = createRequire(import.meta.url);
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  const built = join(root, "build", "release", "w4a16_cuda.node");
  const reasons: string[] = [];
  const candidates: (() => unknown)[] = [
    () => {
      if (!existsSync(built)) throw new Error("build/release: not there");
      return require(built);
    },
    () => require("@w4a16/cuda-kernel-linux-x64"),
  ];
  for (const candidate of candidates) {
    try {
      return { addon: candidate() as NativeAddon };
    } catch (error) {
      reasons.push((error as Error).message.split("\n")[0]!);
    }
  }
  return { addon: undefined, reasons };
}
