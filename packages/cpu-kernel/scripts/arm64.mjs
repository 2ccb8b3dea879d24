// Cross-compiles the native test for arm64 and runs it under user-mode emulation. On Debian it needs
// g++-aarch64-linux-gnu and qemu-user; without them it says so and succeeds, unless
// W4A16_REQUIRE_ARM64=1.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const build = join(root, "build", "arm64");
const compiler = "aarch64-linux-gnu-g++";

const missing = [
  [compiler, "g++-aarch64-linux-gnu"],
  ["qemu-aarch64", "qemu-user"],
].filter(([tool]) => spawnSync(tool, ["--version"]).status !== 0);
if (missing.length > 0) {
  const packages = missing.map(([, name]) => name).join(" ");
  console.log(`arm64 test skipped: apt-get install ${packages}`);
  process.exit(process.env.W4A16_REQUIRE_ARM64 === "1" ? 1 : 0);
}

const options = [
  "-DW4A16_NATIVE_TESTS=ON",
  "-DCMAKE_SYSTEM_NAME=Linux",
  "-DCMAKE_SYSTEM_PROCESSOR=aarch64",
  `-DCMAKE_CXX_COMPILER=${compiler}`,
  "-DCMAKE_EXE_LINKER_FLAGS=-static",
];
run("cmake", ["-S", join(root, "native"), "-B", build, ...options], "ignore");
run("cmake", ["--build", build, "--parallel", process.env.W4A16_BUILD_JOBS ?? "2"], "ignore");
run("qemu-aarch64", [join(build, "kernel_test")], "inherit");

function run(command, args, stdout) {
  const { status } = spawnSync(command, args, { stdio: ["ignore", stdout, "inherit"] });
  if (status !== 0) process.exit(status ?? 1);
}
