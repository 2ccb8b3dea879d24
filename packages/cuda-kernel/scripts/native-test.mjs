// Checks of the native code that need no GPU: the layout's host test, and, where nvcc is, what
// ptxas reports of every kernel.
//
//   node scripts/native-test.mjs            layout, and the report for one architecture
//   W4A16_CUDA_ARCHITECTURES=80-real …      which one
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "./build.mjs";
import { ptxasReport } from "./ptxas-report.mjs";

mkdirSync(join(root, "build"), { recursive: true });
const binary = join(root, "build", "layout-test");
const source = join(root, "native", "layout", "layout_test.cpp");
run("c++", ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-O1", source, "-o", binary]);
process.stdout.write(run(binary, []));

const report = ptxasReport();
if (report === null) process.exit(0);
for (const line of report.lines) console.log(line);
if (report.spilling.length > 0) {
  console.error(`${report.spilling.length} kernels spill registers`);
  process.exit(1);
}

function run(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status === 0) return stdout;
  console.error(`${command} failed\n${stdout ?? ""}${stderr ?? error}`);
  process.exit(1);
}
