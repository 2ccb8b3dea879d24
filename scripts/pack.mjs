/**
 * Makes the tarballs that npm would publish, in .cache/packages: `npm run pack`.
 * The addons built here go into the packages of this platform; those of other
 * platforms are made on theirs.
 *
 * With `--check` it then installs them into an empty project and uses them there,
 * as a user would: imported, required and from the command line.
 */
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { readOptions } from "./options.mjs";
import { checkInstall } from "./pack/check-install.mjs";

const { values: options } = readOptions({ check: { type: "boolean", default: false } });
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const target = join(root, ".cache", "packages");
rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });

const tarballs = [];
for (const name of readdirSync(join(root, "packages"))) {
  const folder = join(root, "packages", name);
  const manifest = readManifest(folder);
  if (manifest.private) continue;
  run("pnpm", ["pack", "--silent", "--out", tarball(manifest)], folder);
  const platform = join(folder, "platforms", `${process.platform}-${process.arch}`);
  if (existsSync(platform)) packPlatform(folder, platform);
}
console.log(tarballs.map((file) => file.slice(root.length + 1)).join("\n"));
if (options.check) checkInstall(tarballs, join(root, ".cache", "install"));

/** Packs a platform's package with the addon that was built in `folder`, if there is one. */
function packPlatform(folder, platform) {
  const manifest = readManifest(platform);
  const addon = join(folder, "build", "release", manifest.main);
  if (!existsSync(addon)) {
    console.log(`${manifest.name}: no addon is built here, so it is left out`);
    return;
  }
  const staging = join(target, "staging");
  cpSync(platform, staging, { recursive: true, filter: (path) => !path.endsWith("node_modules") });
  copyFileSync(addon, join(staging, manifest.main));
  run("pnpm", ["pack", "--silent", "--out", tarball(manifest)], staging);
  rmSync(staging, { recursive: true });
}

function tarball({ name, version }) {
  const file = join(target, `${name.replace("@", "").replace("/", "-")}-${version}.tgz`);
  tarballs.push(file);
  return file;
}

function readManifest(folder) {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

function run(command, args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status === 0) return;
  console.error(`${command} ${args.join(" ")} failed in ${cwd}\n${stdout ?? ""}${stderr ?? error}`);
  process.exit(1);
}
