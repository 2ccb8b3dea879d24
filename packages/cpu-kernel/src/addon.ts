/** Finds and loads the native addon, and remembers why it could not. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { NativeAddon } from "./native.js";

/** The addon, or why there is none. */
export type LoadedAddon =
  | { readonly addon: NativeAddon }
  | { readonly reason: string; readonly fix: string };

const FIX_NAMED =
  "Name an addon built for this machine and version in W4A16_CPU_ADDON, or unset it to use the built one.";
const FIX =
  "Install a C++17 compiler, CMake and Ninja (on Debian: apt-get install g++ cmake ninja-build), then run scripts/build.mjs of @w4a16/cpu-kernel with Node.";

const require = createRequire(import.meta.url);
const packageRoot = dirname(dirname(fileURLToPath(import.meta.url)));

let loaded: LoadedAddon | undefined;

/** The addon, loaded once, or the reason and the fix. Never throws. */
export function loadAddon(): LoadedAddon {
  loaded ??= load();
  return loaded;
}

/** Loads the file that W4A16_CPU_ADDON names, which may be anything. */
function requireAddon(file: string): NativeAddon {
  const loaded = require(file) as Partial<NativeAddon>;
  if (typeof loaded.openEngine !== "function") throw new Error("it is no addon of this package");
  return loaded as NativeAddon;
}

function load(): LoadedAddon {
  const failures: string[] = [];
  for (const [what, find] of candidates()) {
    try {
      const addon = find();
      if (addon) return { addon };
      failures.push(`${what}: not there`);
    } catch (error) {
      failures.push(`${what}: ${error instanceof Error ? error.message.split("\n")[0] : error}`);
    }
  }
  if (process.env.W4A16_CPU_ADDON) {
    return { reason: `the native addon cannot be loaded (${failures[0]})`, fix: FIX_NAMED };
  }
  return { reason: `the native addon is not built (${failures.join("; ")})`, fix: FIX };
}

/**
 * Where an addon may be: named by W4A16_CPU_ADDON, built in this package, or
 * shipped in a package of this platform. The names are literal, for bundlers.
 */
function candidates(): [string, () => NativeAddon | undefined][] {
  const named = process.env.W4A16_CPU_ADDON;
  if (named) return [[`W4A16_CPU_ADDON=${named}`, () => requireAddon(resolve(named))]];
  const built = join(packageRoot, "build", "release", "w4a16_cpu.node");
  const local: [string, () => NativeAddon | undefined] = [
    "build/release",
    () => (existsSync(built) ? require(built) : undefined),
  ];
  switch (`${process.platform}-${process.arch}`) {
    case "linux-x64":
      return [local, ["@w4a16/cpu-kernel-linux-x64", () => require("@w4a16/cpu-kernel-linux-x64")]];
    case "linux-arm64":
      return [
        local,
        ["@w4a16/cpu-kernel-linux-arm64", () => require("@w4a16/cpu-kernel-linux-arm64")],
      ];
    default:
      return [local];
  }
}
