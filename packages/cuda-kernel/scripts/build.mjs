// Builds the CUDA addon with CMake and Ninja into build/.
//
//   W4A16_BUILD_CUDA=1            build although no NVIDIA GPU is present
//   W4A16_REQUIRE_CUDA=1          a missing tool is an error; implies the above
//   W4A16_CUDA_ARCHITECTURES=…    limit the architectures, as in CMAKE_CUDA_ARCHITECTURES ("90", "86-real;89-real")
//   W4A16_BUILD_JOBS=…            compiler processes; default 2
//
// With --harness it builds the native test and timing program too. With --if-wanted it does nothing where there is no GPU and neither variable is set.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const ARCHITECTURES = "80-real;86-real;89-real;90a-real;120-real;80-virtual";

/** Whether this machine should have the addon: it has a GPU, or a variable asks. */
function wanted() {
  const { W4A16_BUILD_CUDA, W4A16_REQUIRE_CUDA } = process.env;
  return W4A16_BUILD_CUDA === "1" || W4A16_REQUIRE_CUDA === "1" || existsSync("/dev/nvidiactl");
}

/** Names of the tools that do not run. A wrapper of nvcc may exist without nvcc. */
function missingTools() {
  const tools = { nvcc: "nvcc (CUDA 13)", cmake: "cmake", ninja: "ninja" };
  return Object.keys(tools)
    .filter((tool) => spawnSync(tool, ["--version"], { stdio: "ignore" }).status !== 0)
    .map((tool) => tools[tool]);
}

/**
 * Configures and builds `target`; returns the build directory, or null where a tool is missing.
 * `options` are CMake cache entries.
 */
export function build(directory, target, options = {}) {
  const missing = missingTools();
  if (missing.length > 0) {
    const line = `w4a16 cuda-kernel: not built, missing ${missing.join(", ")}; install what is missing, then build again`;
    if (process.env.W4A16_REQUIRE_CUDA === "1") throw new Error(line);
    console.log(line);
    return null;
  }
  const path = join(root, "build", directory);
  const definitions = Object.entries({
    CMAKE_BUILD_TYPE: "Release",
    CMAKE_CUDA_ARCHITECTURES: process.env.W4A16_CUDA_ARCHITECTURES || ARCHITECTURES,
    ...options,
  }).map(([name, value]) => `-D${name}=${value}`);
  const configure = ["-S", root, "-B", path, "-G", "Ninja", ...definitions];
  mkdirSync(path, { recursive: true });
  try {
    run("cmake", configure);
  } catch {
    // A cache left by another checkout or compiler: start over once.
    rmSync(path, { recursive: true, force: true });
    run("cmake", configure);
  }
  run("cmake", [
    "--build",
    path,
    "--target",
    target,
    "--parallel",
    process.env.W4A16_BUILD_JOBS ?? "2",
  ]);
  return path;
}

/** Builds the addon; with `harness`, the native test and timing program beside it. */
export function buildAddon({ harness = false, ...options } = {}) {
  const require = createRequire(import.meta.url);
  const headers = [
    dirname(require.resolve("node-addon-api/package.json")),
    require("node-api-headers").include_dir,
  ];
  return build("release", "all", {
    W4A16_ADDON: "ON",
    W4A16_HARNESS: harness ? "ON" : "OFF",
    NODE_INCLUDE_DIRS: headers.join(";"),
    ...options,
  });
}

function run(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args[0]} failed\n${stdout ?? ""}${stderr ?? error}`);
}

if (process.argv[1] && fileURLToPath(import.meta.url) === process.argv[1]) {
  try {
    if (process.argv[2] === "--if-wanted" && !wanted()) {
      console.log(
        "w4a16 cuda-kernel: no NVIDIA GPU here; set W4A16_BUILD_CUDA=1 to build it anyway",
      );
    } else {
      buildAddon({ harness: process.argv.includes("--harness") });
    }
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}
