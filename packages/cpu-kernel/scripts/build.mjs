// Builds the native addon with CMake and Ninja (or Make), out of tree in build/.
//
// Where the compiler or CMake is missing it says so in one line and succeeds, since everything else
// works without it; W4A16_REQUIRE_CPU=1 makes that an error.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findTools } from "./tools.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);

/**
 * Builds the addon and returns its path, or null where a tool is missing. With `sanitize`, a list as
 * in -fsanitize=, into a directory of its own; with `nativeTests`, the native programs beside it.
 */
export function buildAddon({ sanitize = "", nativeTests = false } = {}) {
  const tools = findTools();
  if (tools.missing.length > 0) {
    const line = `w4a16 cpu-kernel: addon not built, missing ${tools.missing.join(" and ")}; install ${tools.advice}, then build again`;
    if (process.env.W4A16_REQUIRE_CPU === "1") throw new Error(line);
    console.log(line);
    return null;
  }
  const directory = join(root, "build", sanitize ? "sanitize" : "release");
  configure(directory, tools, sanitize, nativeTests);
  run("cmake", ["--build", directory, "--parallel", process.env.W4A16_BUILD_JOBS ?? "2"]);
  return join(directory, "w4a16_cpu.node");
}

function configure(directory, tools, sanitize, nativeTests) {
  const headers = [
    dirname(require.resolve("node-addon-api/package.json")),
    require("node-api-headers").include_dir,
  ];
  const args = [
    "-S",
    join(root, "native"),
    "-B",
    directory,
    ...(tools.ninja ? ["-G", "Ninja"] : []),
    `-DCMAKE_BUILD_TYPE=${sanitize ? "RelWithDebInfo" : "Release"}`,
    `-DNODE_INCLUDE_DIRS=${headers.join(";")}`,
    `-DW4A16_SANITIZE=${sanitize}`,
    `-DW4A16_NATIVE_TESTS=${nativeTests ? "ON" : "OFF"}`,
  ];
  mkdirSync(directory, { recursive: true });
  try {
    run("cmake", args);
  } catch {
    // A cache left by another checkout, generator or compiler: start over once.
    rmSync(directory, { recursive: true, force: true });
    run("cmake", args);
  }
}

function run(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status === 0) return;
  throw new Error(`${command} ${args[0]} failed\n${stdout ?? ""}${stderr ?? error}`);
}

if (process.argv[1] && fileURLToPath(import.meta.url) === process.argv[1]) {
  try {
    buildAddon();
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}
