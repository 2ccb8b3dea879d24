/**
 * Everything that must hold before a change lands, in one run: `.ci/run`.
 * The last line counts the tests and, one each, the checks beside them.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const results = join(root, ".cache", "tests.json");
const env = {
  ...process.env,
  CI: "true",
  NO_COLOR: "1",
  TURBO_TELEMETRY_DISABLED: "1",
  PATH: `${join(root, "node_modules", ".bin")}${delimiter}${process.env.PATH}`,
};

// The CUDA addon is built without a GPU too where nvcc is, for one architecture; every kernel is compiled below.
if (runs("nvcc")) {
  env.W4A16_BUILD_CUDA ??= "1";
  env.W4A16_CUDA_ARCHITECTURES ??= "90a-real";
}

let passed = 0;
let failed = 0;

mkdirSync(dirname(results), { recursive: true });
runTests();
check("formatting and lint", "biome", "ci", "--colors=off", ".");
check("formatting of native code", "node", "scripts/format-native.mjs", "--check");
check("types", "npm", "run", "--silent", "typecheck");
for (const name of publicPackages()) {
  check(`publint ${name}`, "publint", join("packages", name), "--strict");
  check(
    `are the types right: ${name}`,
    "attw",
    "--pack",
    join("packages", name),
    "--profile",
    "node16",
    "--quiet",
  );
}
check("native CUDA code", "node", "packages/cuda-kernel/scripts/native-test.mjs");
check("figures in the README", "node", "packages/bench/scripts/render-readme.mjs", "--check");
check("API documentation", "npm", "run", "--silent", "docs");
check("packages, packed, installed and used", "npm", "run", "--silent", "pack", "--", "--check");
check("the main job", "npm", "--silent", "start");
// CI machines are shared: this finds what broke, `npm run perf` on a quiet one judges.
check("performance", "npm", "run", "--silent", "perf", "--", "--slack", "2");
check(
  "tests on the other versions of Node",
  "npm",
  "run",
  "--silent",
  "test:node",
  "--",
  "--others",
);

console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

/** Runs the README's test command and adds up what its report says. */
function runTests() {
  heading("tests");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${results}`];
  const status = run("npm", ["test", "--", ...reporters]);
  if (!existsSync(results)) {
    failed++;
    return;
  }
  const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(results, "utf8"));
  passed += numPassedTests;
  failed += numFailedTests;
  // A suite that could not even start fails no test.
  if (status !== 0 && numFailedTests === 0) failed++;
}

function check(name, command, ...args) {
  heading(name);
  const ok = run(command, args) === 0;
  console.log(`${ok ? "passed" : "FAILED"}: ${name}`);
  if (ok) passed++;
  else failed++;
}

function run(command, args) {
  return spawnSync(command, args, { cwd: root, env, stdio: ["ignore", "inherit", "inherit"] })
    .status;
}

/** Whether a tool is there and works: a wrapper may exist without what it wraps. */
function runs(tool) {
  return spawnSync(tool, ["--version"], { stdio: "ignore" }).status === 0;
}

function heading(name) {
  console.log(`\n== ${name}`);
}

function publicPackages() {
  return readdirSync(join(root, "packages")).filter((name) => {
    const manifest = join(root, "packages", name, "package.json");
    return existsSync(manifest) && !JSON.parse(readFileSync(manifest, "utf8")).private;
  });
}
