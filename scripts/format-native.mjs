/**
 * Formats the C++ and CUDA sources as .clang-format says: part of `npm run format`;
 * `--check` only tells which would change. clang-format comes from the npm registry
 * when it is first wanted: few who install this repository format its native code.
 */
import { spawnSync } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { readOptions } from "./options.mjs";

const CLANG_FORMAT = "clang-format-node@3.0.7";
const SOURCES = ["cpp", "h", "hpp", "inl", "cu", "cuh"].map((ending) => `*.${ending}`);

const { values: options } = readOptions({ check: { type: "boolean", default: false } });
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const listed = spawnSync("git", ["ls-files", "--", ...SOURCES], { cwd: root, encoding: "utf8" });
if (listed.status !== 0) {
  console.error("format-native: git names the files to format, and this is no checkout.");
  process.exit(1);
}
const files = listed.stdout.trim().split("\n");
const mode = options.check ? ["--dry-run", "--Werror"] : ["-i"];
const command = ["--yes", `--package=${CLANG_FORMAT}`, "clang-format", ...mode, ...files];
const { status } = spawnSync("npx", command, { cwd: root, stdio: "inherit" });
process.exitCode = status ?? 1;
