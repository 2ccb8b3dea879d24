// Packs what a GPU host with no Node and no network needs to run this package's tests and
// bench: Node, the built packages, their dependencies, the addon, the native harness.
//
//   node scripts/gpu-bundle.mjs OUT.tar.xz
//
// There, after tar xf OUT.tar.xz:
//   bundle/test                               this package's tests; arguments go to vitest
//   bundle/bench --device cuda --json FILE    w4a16-bench
//   bundle/harness bench                      the native harness, where it was built (build.mjs --harness)
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { root } from "./build.mjs";

const NODE = "24.21.0";
const PACKAGES = [
  "packing",
  "core",
  "reference",
  "cpu-kernel",
  "cuda-kernel",
  "checkpoint",
  "w4a16",
  "bench",
];
/** Of each package. Only what is run: its sources and tests are needed where the tests run. */
const PARTS = ["dist", "build/release/w4a16_cuda.node", "build/release/w4a16_cpu.node"];
const TESTED = "cuda-kernel";
/** What the tests need of what is only for developing. */
const NEEDED_BY_TESTS = ["vitest", "@w4a16/packing", "@w4a16/reference"];

const workspace = dirname(dirname(root));
const target = resolve(process.argv[2] ?? "w4a16-gpu-bundle.tar.xz");
const addon = join(root, "build", "release", "w4a16_cuda.node");
if (!existsSync(addon)) fail("the addon is not built: W4A16_BUILD_CUDA=1 node scripts/build.mjs");

const staging = join(root, "build", "bundle");
const bundle = join(staging, "bundle");
rmSync(staging, { recursive: true, force: true });
mkdirSync(bundle, { recursive: true });
copyWorkspace();
installDependencies();
copyNode();
writeLaunchers();
run("tar", ["-C", staging, "-cJf", target, "bundle"], { XZ_OPT: process.env.XZ_OPT ?? "-6 -T2" });
console.log(`${target}: ${(statSync(target).size / 2 ** 20).toFixed(1)} MiB`);

function copyWorkspace() {
  for (const file of ["pnpm-lock.yaml", "tsconfig.base.json", "vitest.config.ts"]) {
    cpSync(join(workspace, file), join(bundle, file));
  }
  copyManifest("package.json");
  // The lockfile knows packages that are not in the bundle; the workspace file names only those that are.
  const settings = readFileSync(join(workspace, "pnpm-workspace.yaml"), "utf8");
  writeFileSync(join(bundle, "pnpm-workspace.yaml"), settings);
  for (const name of PACKAGES) {
    const from = join(workspace, "packages", name);
    const to = join(bundle, "packages", name);
    for (const part of name === TESTED ? [...PARTS, "src", "test", "bench"] : PARTS) {
      if (existsSync(join(from, part)))
        cpSync(join(from, part), join(to, part), { recursive: true });
    }
    copyManifest(join("packages", name, "package.json"));
  }
  for (const name of ["harness", "hopper_harness"]) {
    const harness = join(root, "build", "release", name);
    if (existsSync(harness)) cpSync(harness, join(bundle, name));
  }
}

/** A manifest without the dependencies that are for building and checking, or bring the addons of platforms. */
function copyManifest(path) {
  const manifest = JSON.parse(readFileSync(join(workspace, path), "utf8"));
  const { devDependencies = {} } = manifest;
  const kept = Object.entries(devDependencies).filter(([name]) => NEEDED_BY_TESTS.includes(name));
  manifest.devDependencies =
    path.includes(TESTED) || !path.includes("packages") ? Object.fromEntries(kept) : {};
  if (path.includes("-kernel")) delete manifest.optionalDependencies;
  mkdirSync(dirname(join(bundle, path)), { recursive: true });
  writeFileSync(join(bundle, path), JSON.stringify(manifest, null, 2));
}

function installDependencies() {
  const { packageManager } = JSON.parse(readFileSync(join(workspace, "package.json"), "utf8"));
  // Hoisted: every symbolic link stays inside the bundle.
  run("npx", ["--yes", packageManager, "install", "--prefer-offline", "--no-frozen-lockfile"], {
    pnpm_config_node_linker: "hoisted",
    // Not linked to pnpm's store, which another install may touch while the bundle is packed.
    pnpm_config_package_import_method: "copy",
  });
  // Only for compiling.
  for (const name of ["node-api-headers", "node-addon-api", "esbuild", "@esbuild"]) {
    rmSync(join(bundle, "node_modules", name), { recursive: true, force: true });
  }
}

function copyNode() {
  const name = `node-linux-${process.arch}`;
  const folder = join(staging, "node");
  run("npm", ["install", "--prefix", folder, "--no-save", "--no-package-lock", `${name}@${NODE}`]);
  cpSync(join(folder, "node_modules", name, "bin", "node"), join(bundle, "node"));
}

function writeLaunchers() {
  const launchers = {
    test: 'cd "$at" && exec ./node node_modules/vitest/vitest.mjs run packages/cuda-kernel "$@"',
    bench: `W4A16_COMMIT=${commit()} exec "$at/node" "$at/packages/bench/dist/main.js" "$@"`,
  };
  for (const [name, command] of Object.entries(launchers)) {
    const script = `#!/bin/sh\nat=$(cd "$(dirname "$0")" && pwd)\n${command}\n`;
    writeFileSync(join(bundle, name), script);
    chmodSync(join(bundle, name), 0o755);
  }
}

/** What the results of a bench that runs outside the repository name as their source. */
function commit() {
  const git = (...args) => spawnSync("git", args, { cwd: root, encoding: "utf8" }).stdout.trim();
  return git("rev-parse", "HEAD") + (git("status", "--porcelain") ? "-dirty" : "");
}

function run(command, args, variables = {}) {
  const { status, stderr, stdout } = spawnSync(command, args, {
    cwd: bundle,
    encoding: "utf8",
    env: { ...process.env, ...variables },
  });
  if (status !== 0) fail(`${command} ${args[0]} failed\n${stdout}${stderr}`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
