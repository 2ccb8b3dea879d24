// Checks of the native code that need no GPU: host tests of what kernels and host share, and, where
// nvcc is, what it makes of every kernel: no spills, and tensor-core instructions where they should be.
//
//   node scripts/native-test.mjs            for sm_80, and the Hopper kernels for sm_90a
//   node scripts/native-test.mjs --all      for every architecture that is built, in some ten minutes on two cores
//   node scripts/native-test.mjs -v         says what each kernel takes
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "./build.mjs";
import { checkKernels } from "./compile-check.mjs";

const HOST_TESTS = ["layout/layout_test.cpp", "kernels/sm90a/test/schedule_test.cpp"];

mkdirSync(join(root, "build"), { recursive: true });
for (const source of HOST_TESTS) {
  const binary = join(root, "build", source.split("/").at(-1).replace(".cpp", ""));
  const flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-O1"];
  run("c++", [...flags, join(root, "native", source), "-o", binary]);
  process.stdout.write(run(binary, []));
}

// A wrapper of nvcc may exist without nvcc.
if (spawnSync("nvcc", ["--version"], { stdio: "ignore" }).status !== 0) {
  if (process.env.W4A16_REQUIRE_CUDA === "1") fail("nvcc does not run");
  console.log("no nvcc here: the kernels were not compiled");
  process.exit(0);
}
const architectures = process.argv.includes("--all") ? ["80", "86", "89", "90a", "120"] : ["80"];
const results = await checkKernels(architectures, Number(process.env.W4A16_BUILD_JOBS ?? 2));
for (const { name, architecture, seconds, kernels } of results) {
  const used = kernels.map(({ registers }) => registers);
  const tensor = kernels.reduce((sum, { HMMA, HGMMA }) => sum + HMMA + HGMMA, 0);
  console.log(
    `${name}, sm_${architecture}: ${kernels.length} kernels in ${seconds} s, up to ${Math.max(...used)} registers, ${tensor} tensor-core instructions`,
  );
  if (!process.argv.includes("-v")) continue;
  for (const { name, registers, shared, HMMA, HGMMA } of kernels) {
    console.log(`  ${registers} registers, ${shared} bytes, ${HMMA + HGMMA}: ${name}`);
  }
}
const problems = results.flatMap(({ problems }) => problems);
if (problems.length > 0) fail(problems.join("\n"));

function run(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status === 0) return stdout;
  return fail(`${command} failed\n${stdout ?? ""}${stderr ?? error}`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
