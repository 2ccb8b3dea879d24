// Compiles every kernel to machine code and reads what came out: what ptxas says of registers, spills and
// shared memory, and which instructions are there.
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { root } from "./build.mjs";
import { readCubin } from "./cubin.mjs";

const FLAGS = ["-std=c++17", "-O3", "--expt-relaxed-constexpr", "-Xptxas", "-v", "-cubin"];
/** Hopper's own instructions, and the portable kernels' bulk copies, exist for this architecture only. */
const HOPPER = "90a";
/** Which tensor-core instructions a kernel must hold, by its (mangled) name. */
const TENSOR = [
  { kernel: /sm80\d+\w*Kernel/, operation: "HMMA" },
  { kernel: /sm90a\d+\w*Kernel/, operation: "HGMMA" },
  { kernel: /probe.*multiplyAddKernel/, operation: "HMMA" },
];
/** A kernel of so few registers is the empty body of a combination that its architecture does not run. */
const EMPTY_REGISTERS = 8;
/** Static shared memory that a kernel with its own pipeline may have beside it. */
const SMALL_SHARED = 1024;

/**
 * @param architectures such as "80"; the Hopper kernels are compiled for their own, once.
 * @returns of each source and architecture: its kernels, and what is wrong with them.
 */
export async function checkKernels(architectures, jobs = 2) {
  const folder = join(root, "native", "kernels");
  const sources = readdirSync(folder, { recursive: true }).filter((file) => file.endsWith(".cu"));
  const tasks = sources
    .flatMap((source) =>
      (isHopper(source) ? [HOPPER] : architectures).map((architecture) => ({
        source: join(folder, source),
        architecture,
      })),
    )
    // The longest first: two jobs then end together.
    .sort(
      (a, b) =>
        Number(isHopper(relative(folder, b.source))) - Number(isHopper(relative(folder, a.source))),
    );
  const results = [];
  const work = async () => {
    for (let task = tasks.shift(); task; task = tasks.shift()) results.push(await check(task));
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return results;
}

function isHopper(source) {
  return source.startsWith(`sm90a${sep}`) || source.includes(`${sep}bulk${sep}`);
}

async function check({ source, architecture }) {
  const name = relative(join(root, "native", "kernels"), source);
  const out = join(root, "build", "check", `${name.replaceAll(sep, "-")}.${architecture}.cubin`);
  mkdirSync(join(root, "build", "check"), { recursive: true });
  const target = `-gencode=arch=compute_${architecture},code=sm_${architecture}`;
  const start = performance.now();
  const { status, output } = await run("nvcc", [...FLAGS, target, "-o", out, source]);
  const seconds = Math.round((performance.now() - start) / 1000);
  const result = { name, architecture, seconds, kernels: [], problems: [] };
  if (status !== 0) return { ...result, problems: [output] };
  const found = new Map(readCubin(readFileSync(out)).map((kernel) => [kernel.name, kernel]));
  const kernels = parsePtxas(output).map((kernel) => ({ ...kernel, ...found.get(kernel.name) }));
  return { ...result, kernels, problems: kernels.flatMap(problemsOf) };
}

function problemsOf(kernel) {
  const problems = [];
  if (kernel.spills > 0 || kernel.LDL + kernel.STL > 0) {
    problems.push(
      `${kernel.name} spills ${kernel.spills} bytes, ${kernel.LDL + kernel.STL} accesses`,
    );
  }
  const wanted = TENSOR.find((entry) => entry.kernel.test(kernel.name));
  if (wanted && kernel.registers > EMPTY_REGISTERS) {
    if (!(kernel[wanted.operation] > 0)) problems.push(`${kernel.name} has no ${wanted.operation}`);
    if (kernel.shared > SMALL_SHARED) {
      problems.push(`${kernel.name} has ${kernel.shared} bytes of static shared memory`);
    }
  }
  return problems;
}

/** The kernels of a `ptxas -v` report. */
export function parsePtxas(report) {
  const entry =
    /Compiling entry function '([^']+)'[\s\S]*?(\d+) bytes spill stores, (\d+) bytes spill loads[\s\S]*?Used (\d+) registers(?:.*?(\d+) bytes smem)?/g;
  return Array.from(report.matchAll(entry), ([, name, stores, loads, registers, shared]) => ({
    name,
    spills: Number(stores) + Number(loads),
    registers: Number(registers),
    shared: Number(shared ?? 0),
  }));
}

function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (text) => (output += text));
    child.on("error", (error) => resolve({ status: -1, output: String(error) }));
    child.on("close", (status) => resolve({ status, output }));
  });
}
