/**
 * Runs the test suite on other versions of Node: `npm run test:node [VERSION…]`,
 * by default on every supported one; with `--others` on those that are not the
 * one running this. The binaries come from the npm registry
 * (packages node-PLATFORM-ARCH) and are kept in .cache/node.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const VERSIONS = { 20: "20.20.2", 22: "22.23.3", 24: "24.21.0", 26: "26.10.0" };
const majors = Object.keys(VERSIONS);
const root = dirname(dirname(fileURLToPath(import.meta.url)));

const [current] = process.versions.node.split(".");
const wanted = process.argv
  .slice(2)
  .flatMap((name) => (name === "--others" ? majors.filter((major) => major !== current) : [name]));
const unknown = wanted.filter((major) => !Object.hasOwn(VERSIONS, major));
if (unknown.length > 0) {
  console.error(`Unknown Node ${unknown.join(", ")}; known: ${majors.join(", ")}.`);
  process.exit(2);
}

const failed = [];
for (const major of wanted.length > 0 ? wanted : majors) {
  const node = fetchNode(VERSIONS[major]);
  console.log(`\nNode ${VERSIONS[major]}`);
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const { status } = spawnSync(node, [vitest, "run", "--reporter=default"], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` },
  });
  if (status !== 0) failed.push(major);
}
if (failed.length > 0) {
  console.error(`Failed on Node ${failed.join(", ")}.`);
  process.exit(1);
}

/** Path of the binary, downloaded on first use. */
function fetchNode(version) {
  const folder = join(root, ".cache", "node", version);
  const name = `node-${process.platform}-${process.arch}`;
  const binary = join(folder, "node_modules", name, "bin", "node");
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  const { status } = spawnSync(
    "npm",
    ["install", "--prefix", folder, "--no-save", "--no-package-lock", `${name}@${version}`],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  if (status !== 0 || !existsSync(binary)) {
    console.error(`Could not fetch ${name}@${version} from the npm registry.`);
    process.exit(1);
  }
  return binary;
}
