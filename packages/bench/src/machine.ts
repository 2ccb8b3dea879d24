/** What a run was measured on. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { arch, availableParallelism, cpus, platform, release, totalmem } from "node:os";
import { join } from "node:path";
import { nvidiaDriverVersion } from "w4a16";
import type { Machine } from "./results.js";

const MIB = 2 ** 20;
const CACHES = "/sys/devices/system/cpu/cpu0/cache";

/** Assumed where the system does not tell: larger than most. */
const FALLBACK_CACHE_BYTES = 32 * MIB;

/** The machine this runs on, as results documents name it. */
export function describeMachine(): Omit<Machine, "peers" | "ceilings"> {
  const driver = nvidiaDriverVersion();
  const model = cpus()[0]?.model.trim() || "unknown CPU";
  return {
    cpu: `${model}${instructionSets()}`,
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    lastLevelCacheMiB: lastLevelCacheBytes() / MIB,
    platform: `${platform()} ${arch()} ${release()}`,
    ...(driver === undefined ? {} : { driver }),
    node: process.versions.node,
  };
}

/** Bytes of the largest cache of the first core, from sysfs; 32 MiB where that is missing. */
export function lastLevelCacheBytes(folder = CACHES): number {
  try {
    const sizes = readdirSync(folder)
      .filter((name) => name.startsWith("index"))
      .map((name) => parseSize(readFileSync(join(folder, name, "size"), "utf8")));
    return Math.max(...sizes) || FALLBACK_CACHE_BYTES;
  } catch {
    return FALLBACK_CACHE_BYTES;
  }
}

/** Bytes that operands must exceed together to be cold: twice the last-level cache. */
export function coldBytes(): number {
  return 2 * lastLevelCacheBytes();
}

/** "32768K" or "1M" in bytes. */
function parseSize(text: string): number {
  const match = /^(\d+)([KMG]?)/.exec(text);
  return match ? Number(match[1]) * { "": 1, K: 2 ** 10, M: MIB, G: 2 ** 30 }[match[2]!]! : 0;
}

/** The instruction sets that decide the kernel, since virtual machines hide the model. */
function instructionSets(): string {
  try {
    const flags = /^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1]?.split(" ");
    const known = ["avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile"];
    const found = known.filter((flag) => flags?.includes(flag));
    return found.length > 0 ? ` (${found.join(", ")})` : "";
  } catch {
    return "";
  }
}

/**
 * The commit of the repository that `folder`, one below the package's own, is part of, "-dirty" if
 * files differ. Outside one, and in the node_modules of somebody else's: what W4A16_COMMIT says, which a
 * bundle made elsewhere sets, or null.
 */
export function currentCommit(folder: string): string | null {
  const git = (...args: string[]) =>
    execFileSync("git", args, {
      cwd: folder,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  try {
    git("ls-files", "--error-unmatch", join("..", "package.json"));
    const commit = git("rev-parse", "HEAD").trim();
    return git("status", "--porcelain").trim() === "" ? commit : `${commit}-dirty`;
  } catch {
    return process.env.W4A16_COMMIT || null;
  }
}
