/**
 * Time and memory of `w4a16 quantize` with two workers on a large bf16 checkpoint,
 * made here and removed after: `node bench/quantize.mjs [GiB]`.
 */
import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";

const N = 4096;
const K = 4096;
const cli = fileURLToPath(new URL("../dist/cli.js", import.meta.url));

/** Writes 4096×4096 layers of bf16 numbers, roughly normal with deviation 0.02. */
function writeCheckpoint(path, gib) {
  const bytes = N * K * 2;
  const count = Math.round((gib * 2 ** 30) / bytes);
  const entries = Array.from({ length: count }, (_, i) => [
    `model.layers.${i}.weight`,
    { dtype: "BF16", shape: [N, K], data_offsets: [i * bytes, (i + 1) * bytes] },
  ]);
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const file = openSync(path, "w");
  for (const part of [length, header]) writeSync(file, part);
  const f32 = new Float32Array(1);
  const u32 = new Uint32Array(f32.buffer);
  const values = new Uint16Array(N * K);
  for (let i = 0; i < values.length; i++) {
    // The sum of three uniforms has the shape of a bell, which is all that matters here.
    f32[0] = 0.04 * (Math.random() + Math.random() + Math.random() - 1.5);
    values[i] = u32[0] >>> 16;
  }
  for (let i = 0; i < count; i++) {
    // A different layer each time, without making all the numbers again.
    values.subarray(0, 2 ** 20).reverse();
    writeSync(file, new Uint8Array(values.buffer));
  }
  closeSync(file);
}

/** Peak resident memory, which the kernel keeps in /proc until the process ends. */
function peakMiB(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** Quantizes `gib` GiB of bf16: seconds, and peak resident memory in MiB (Linux only). */
export async function quantizeBFloat16(gib) {
  const folder = mkdtempSync(join(tmpdir(), "w4a16-bench-"));
  try {
    const input = join(folder, "in.safetensors");
    writeCheckpoint(input, gib);
    const started = performance.now();
    const args = [cli, "quantize", input, join(folder, "out.safetensors"), "--workers", "2"];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
    let peak = 0;
    const timer = setInterval(() => {
      peak = Math.max(peak, peakMiB(child.pid));
    }, 50);
    const code = await new Promise((resolve) => child.on("exit", resolve));
    clearInterval(timer);
    if (code !== 0) throw new Error(`w4a16 quantize: exit code ${code}`);
    return { seconds: (performance.now() - started) / 1e3, peak };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const gib = Number(argv[2] ?? 1);
  const { seconds, peak } = await quantizeBFloat16(gib);
  console.log(`${gib} GiB of bf16: ${seconds.toFixed(1)} s, peak memory ${peak.toFixed(0)} MiB`);
}
