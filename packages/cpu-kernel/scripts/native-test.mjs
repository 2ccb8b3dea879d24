// Builds and runs the native test (--bench: the native benchmark), with a float64 oracle and no Node.
// Arguments after -- go to the program: for the test a kernel's name; for the benchmark threads,
// kernel, N, K, G.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const build = join(root, "build", "native-test");
const bench = process.argv.includes("--bench");
const split = process.argv.indexOf("--", 2);

const steps = [
  ["cmake", "-S", join(root, "native"), "-B", build, "-DW4A16_NATIVE_TESTS=ON"],
  ["cmake", "--build", build, "--parallel", process.env.W4A16_BUILD_JOBS ?? "2"],
  [
    join(build, bench ? "kernel_bench" : "kernel_test"),
    ...(split < 0 ? [] : process.argv.slice(split + 1)),
  ],
];
for (const [i, [command, ...args]] of steps.entries()) {
  const { status } = spawnSync(command, args, {
    stdio: i < 2 ? ["ignore", "ignore", "inherit"] : "inherit",
  });
  if (status !== 0) process.exit(status ?? 1);
}
