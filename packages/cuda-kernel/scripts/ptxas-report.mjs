// Compiles the kernels for one architecture and reads what ptxas says of each: registers,
// spills, and (from the PTX-level report) nothing of the machine code itself.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "./build.mjs";

/** Null where there is no nvcc. */
export function ptxasReport(architecture = process.env.W4A16_CUDA_ARCHITECTURES ?? "90-real") {
  if (spawnSync("nvcc", ["--version"], { stdio: "ignore" }).status !== 0) {
    console.log("w4a16 cuda-kernel: no nvcc, the kernels were not compiled");
    return null;
  }
  const number = /^\d+a?/.exec(architecture)[0];
  const out = join(root, "build", "ptxas");
  mkdirSync(out, { recursive: true });
  const lines = [];
  const spilling = [];
  for (const source of sources(number)) {
    const args = ["-std=c++17", "-O3", "--expt-relaxed-constexpr", "-Xptxas", "-v", "-cubin"];
    const target = `-gencode=arch=compute_${number},code=sm_${number}`;
    const { status, stderr } = spawnSync(
      "nvcc",
      [...args, target, "-o", join(out, "out.cubin"), source],
      { encoding: "utf8", maxBuffer: 1 << 28 },
    );
    if (status !== 0) throw new Error(stderr);
    for (const kernel of parse(stderr)) {
      lines.push(`${kernel.registers} registers, ${kernel.spills} bytes spilled: ${kernel.name}`);
      if (kernel.spills > 0) spilling.push(kernel.name);
    }
  }
  return { lines, spilling };
}

// The Hopper kernels' instructions exist for sm_90a only.
function sources(number) {
  const kernels = join(root, "native", "kernels");
  return readdirSync(kernels, { recursive: true })
    .filter((file) => file.endsWith(".cu") && (number === "90a" || !file.startsWith("sm90a")))
    .map((file) => join(kernels, file));
}

/** The kernels of a `ptxas -v` report. */
export function parse(report) {
  const kernels = [];
  const entry =
    /Compiling entry function '([^']+)'[\s\S]*?(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads[\s\S]*?Used (\d+) registers/g;
  for (const [, name, , stores, loads, registers] of report.matchAll(entry)) {
    kernels.push({ name, spills: Number(stores) + Number(loads), registers: Number(registers) });
  }
  return kernels;
}
