// Finds what a native build needs. A tool counts only if it runs: a wrapper may exist without it.
import { spawnSync } from "node:child_process";

const runs = (command, args = ["--version"]) => spawnSync(command, args).status === 0;

/** The build tools here: what is missing, what to install, and whether Ninja is present. */
export function findTools() {
  const compilers = process.env.CXX ? [process.env.CXX] : ["c++", "g++", "clang++"];
  const ninja = runs("ninja");
  const missing = [];
  if (!runs("cmake")) missing.push("CMake");
  if (!compilers.some((compiler) => runs(compiler))) missing.push("a C++17 compiler");
  if (!ninja && !runs("make")) missing.push("Ninja");
  const advice =
    process.platform === "darwin"
      ? "the Xcode command line tools and `brew install cmake ninja`"
      : "`apt-get install g++ cmake ninja-build` or your system's equivalent";
  return { missing, advice, ninja };
}
