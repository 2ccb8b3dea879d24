// Runs the whole suite, and the native test, with AddressSanitizer and UBSan: the addon is built with
// them and the run time is loaded before Node, which is not.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildAddon } from "./build.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const workspace = dirname(dirname(root));
const sanitizers = "address,undefined";

const addon = buildAddon({ sanitize: sanitizers, nativeTests: true });
if (!addon) process.exit(1);
const compiler = process.env.CXX ?? "c++";
const library = (name) => {
  const { stdout } = spawnSync(compiler, [`-print-file-name=${name}`], { encoding: "utf8" });
  return stdout.trim();
};

run(join(dirname(addon), "kernel_test"), []);

run("npx", ["vitest", "run", "packages/cpu-kernel", ...process.argv.slice(2)], {
  LD_PRELOAD: [library("libasan.so"), library("libubsan.so")].join(":"),
  // Node itself keeps memory to its end; what our threads and handles leak, the endurance tests see.
  // An allocation that is too large is to fail, as it does without sanitizers; and freed memory is
  // held back only as long as a use after free needs to be seen.
  ASAN_OPTIONS:
    "detect_leaks=0:halt_on_error=1:abort_on_error=1:allocator_may_return_null=1:quarantine_size_mb=8",
  UBSAN_OPTIONS: "halt_on_error=1:print_stacktrace=1",
  W4A16_CPU_ADDON: addon,
});

function run(command, args, env = {}) {
  const { status, signal } = spawnSync(command, args, {
    cwd: workspace,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...env },
  });
  if (status === 0) return;
  console.error(`${command} ended with ${signal ?? status}`);
  process.exit(1);
}
