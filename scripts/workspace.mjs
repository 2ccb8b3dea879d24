/**
 * What `npm start`, `npm test`, … run: installs what is missing with the pinned
 * pnpm, builds what changed, then runs the task. Works from any state of the
 * tree with nothing but Node and npm.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = join(root, "node_modules", ".bin");
const env = {
  ...process.env,
  PATH: `${bin}${delimiter}${process.env.PATH}`,
  TURBO_TELEMETRY_DISABLED: "1",
  TURBO_NO_UPDATE_NOTIFIER: "1",
};

const tasks = {
  start: (args) => {
    build("--filter=@w4a16/example-sentence-encoder");
    node("examples/sentence-encoder/dist/main.js", ...args);
  },
  build: (args) => build(...args),
  test: (args) => {
    build();
    run("vitest", "run", ...args);
  },
  typecheck: () => turbo("typecheck"),
  bench: (args) => {
    build("--filter=@w4a16/bench");
    node("packages/bench/dist/main.js", ...args);
  },
  compare: (args) => {
    build("--filter=@w4a16/bench");
    node("packages/bench/dist/main.js", "compare", ...args);
  },
  docs: () => {
    build();
    run("typedoc");
  },
  pack: (args) => {
    build();
    node("scripts/pack.mjs", ...args);
  },
  perf: (args) => {
    build();
    node("scripts/performance.mjs", ...args);
  },
};

const [task, ...args] = process.argv.slice(2);
if (!Object.hasOwn(tasks, task ?? "")) {
  fail(`Unknown task ${JSON.stringify(task)}; known: ${Object.keys(tasks).join(", ")}.`, 2);
}
install();
tasks[task](args);

/** Installs dependencies, unless the last install saw the same lockfile, manifests and Node. */
function install() {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const packages = ["packages", "examples"].flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => join(root, folder, name)),
  );
  const manifests = packages
    .map((folder) => join(folder, "package.json"))
    .filter((file) => existsSync(file));
  const inputs = ["pnpm-lock.yaml", "pnpm-workspace.yaml", "package.json"].map((file) =>
    join(root, file),
  );
  const hash = createHash("sha256").update(`${process.platform}-${process.arch}`);
  for (const file of [...inputs, ...manifests]) hash.update(readFileSync(file));
  const state = hash.digest("hex");
  const stamp = join(root, "node_modules", ".w4a16-installed");
  const complete = manifests.every((file) => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(file, "utf8"));
    const needed = Object.keys({ ...dependencies, ...devDependencies });
    return needed.every((name) => existsSync(join(dirname(file), "node_modules", name)));
  });
  if (complete && existsSync(stamp) && readFileSync(stamp, "utf8") === state) return;
  console.log("Installing dependencies…");
  const frozen = process.env.CI ? ["--frozen-lockfile"] : [];
  run(
    "npx",
    "--yes",
    manifest.packageManager,
    "install",
    "--prefer-offline",
    "--loglevel=error",
    ...frozen,
  );
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, state);
}

function build(...args) {
  turbo("build", ...args);
}

function turbo(task, ...args) {
  run("turbo", "run", task, "--log-order=grouped", ...args);
}

function node(...args) {
  run(process.execPath, ...args);
}

/** Runs a command to its end; a failure ends this process with its exit code. */
function run(command, ...args) {
  const { status, signal, error } = spawnSync(command, args, {
    cwd: root,
    env,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (error) fail(`Could not run ${command}: ${error.message}`, 1);
  if (status !== 0) process.exit(status ?? (signal ? 130 : 1));
}

function fail(message, code) {
  console.error(message);
  process.exit(code);
}
