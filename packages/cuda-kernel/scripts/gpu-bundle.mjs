// Packs what a GPU host with no Node and no network needs to run this package's tests and
// bench: Node, the built packages, their dependencies, the addon, the native harness.
//
//   node scripts/gpu-bundle.mjs OUT.tar.xz
//
// There: tar xf OUT.tar.xz && bundle/test   (arguments go to vitest), or bundle/harness bench
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { root } from "./build.mjs";

const NODE = "24.21.0";
const PACKAGES = ["packing", "core", "reference", "cuda-kernel"];
// Only for building and checking, not for running.
const UNNEEDED =
  /^(@biomejs|@arethetypeswrong|@turbo|turbo|typescript|typedoc|tsup|publint|pnpm|@shikijs|shiki|@esbuild|esbuild|markdown-it|@rollup|rollup|@pnpm|@publint|node-api-headers|node-addon-api)$/;

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
run("tar", ["-C", staging, "-cJf", target, "bundle"], { XZ_OPT: "-6 -T2" });
console.log(`${target}: ${(statSync(target).size / 2 ** 20).toFixed(1)} MiB`);

function copyWorkspace() {
  for (const file of ["package.json", "pnpm-lock.yaml", "tsconfig.base.json", "vitest.config.ts"]) {
    cpSync(join(workspace, file), join(bundle, file));
  }
  // The lockfile knows packages that are not in the bundle; the workspace file names only those that are.
  const settings = readFileSync(join(workspace, "pnpm-workspace.yaml"), "utf8");
  writeFileSync(join(bundle, "pnpm-workspace.yaml"), settings);
  for (const name of PACKAGES) {
    const from = join(workspace, "packages", name);
    const to = join(bundle, "packages", name);
    for (const part of ["package.json", "dist", "src", "test", "bench"]) {
      if (existsSync(join(from, part)))
        cpSync(join(from, part), join(to, part), { recursive: true });
    }
  }
  const release = join(bundle, "packages", "cuda-kernel", "build", "release");
  cpSync(addon, join(release, "w4a16_cuda.node"));
  const harness = join(root, "build", "release", "harness");
  if (existsSync(harness)) cpSync(harness, join(bundle, "harness"));
}

function installDependencies() {
  const { packageManager } = JSON.parse(readFileSync(join(workspace, "package.json"), "utf8"));
  // Hoisted: every symbolic link stays inside the bundle.
  run("npx", ["--yes", packageManager, "install", "--prefer-offline", "--no-frozen-lockfile"], {
    pnpm_config_node_linker: "hoisted",
  });
  const modules = join(bundle, "node_modules");
  for (const name of readdirSync(modules)) {
    if (UNNEEDED.test(name)) rmSync(join(modules, name), { recursive: true, force: true });
  }
}

function copyNode() {
  const name = `node-linux-${process.arch}`;
  const folder = join(staging, "node");
  run("npm", ["install", "--prefix", folder, "--no-save", "--no-package-lock", `${name}@${NODE}`]);
  cpSync(join(folder, "node_modules", name, "bin", "node"), join(bundle, "node"));
}

function writeLaunchers() {
  const script = `#!/bin/sh
cd "$(dirname "$0")" && exec ./node node_modules/vitest/vitest.mjs run packages/cuda-kernel "$@"
`;
  writeFileSync(join(bundle, "test"), script);
  chmodSync(join(bundle, "test"), 0o755);
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
