/** Where peers are installed: not dependencies, so that only who wants them downloads them. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Packages and the versions that the comparison was made with. */
const PEER_PACKAGES = { "onnxruntime-node": "1.30.0", "onnxruntime-web": "1.30.0" } as const;

export type PeerPackage = keyof typeof PEER_PACKAGES;

/** The folder beside this package's `dist` that the install command fills. */
const packageFolder = dirname(dirname(fileURLToPath(import.meta.url)));

function peersFolder(): string {
  return process.env.W4A16_BENCH_PEERS || join(packageFolder, "peers");
}

/** The one command that installs every peer. */
export function installCommand(folder = peersFolder()): string {
  const packages = Object.entries(PEER_PACKAGES).map(([name, version]) => `${name}@${version}`);
  // The packages hold their CPU libraries; their install scripts would only fetch GPU ones.
  return `npm install --ignore-scripts --prefix ${quote(folder)} ${packages.join(" ")}`;
}

export interface FoundPeer {
  readonly name: PeerPackage;
  readonly version: string;
  readonly module: unknown;
}

/** Loads a peer from the peers folder, or from wherever this package can reach it; undefined if missing. */
export function findPeer(name: PeerPackage): FoundPeer | undefined {
  for (const base of [join(peersFolder(), "package.json"), import.meta.url]) {
    const require = createRequire(base);
    let entry: string;
    try {
      entry = require.resolve(name);
    } catch {
      continue;
    }
    return { name, version: versionAt(entry, name), module: require(entry) };
  }
  return undefined;
}

/** Reads the version beside the entry point: a package's exports may hide its package.json. */
function versionAt(entry: string, name: string): string {
  for (let folder = dirname(entry); folder !== dirname(folder); folder = dirname(folder)) {
    try {
      const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      if (manifest.name === name) return manifest.version;
    } catch {
      // Not here: look one folder up.
    }
  }
  return "unknown";
}

function quote(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : JSON.stringify(path);
}
