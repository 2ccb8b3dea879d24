/** Options of the CPU device, and what the environment says about them. */
import {
  ArgumentError,
  DeviceError,
  describeValue,
  requireInteger,
  requireName,
  requireOptions,
} from "@w4a16/core";
import type { NativeInfo } from "./native.js";

/** The kernels, best first, by the instruction set that each is written for. */
export const CPU_KERNELS = ["avx512-bf16", "avx512-vnni", "avx2", "neon", "portable"] as const;

/** A kernel's name. */
export type CpuKernel = (typeof CPU_KERNELS)[number];

/** How activations may be rounded before they are multiplied: see {@link CpuOptions}. */
export type CpuPrecision = "exact" | "bfloat16";

const PRECISIONS: readonly CpuPrecision[] = ["exact", "bfloat16"];

const MAX_THREADS = 1024;

/** What `cpu.open` takes. */
export interface CpuOptions {
  /**
   * Threads a product is spread over, up to 1024. Default: the CPUs this process may use. Results
   * do not depend on it.
   */
  readonly threads?: number | undefined;
  /**
   * The kernel to use. Default: that of the environment variable W4A16_CPU_KERNEL, else the best
   * this CPU runs.
   */
  readonly kernel?: CpuKernel | undefined;
  /**
   * `"exact"`, the default: errors follow the format of the activations (relative
   * to the exact product: bfloat16 1e-6, float32 2e-6, float16 3e-5).
   * `"bfloat16"`: activations may be rounded to bfloat16 where that is faster.
   */
  readonly precision?: CpuPrecision | undefined;
}

/** Options with every default filled in. */
export interface ResolvedOptions {
  readonly threads: number;
  readonly kernel: string;
  readonly precision: CpuPrecision;
}

/**
 * Checks options and fills in defaults.
 *
 * @throws ArgumentError, or DeviceError `W4A16_DEVICE_UNAVAILABLE` for a kernel this CPU cannot run.
 */
export function resolveOptions(options: CpuOptions, info: NativeInfo): ResolvedOptions {
  requireOptions("options", options, ["threads", "kernel", "precision"]);
  const threads =
    options.threads === undefined
      ? info.cpus
      : requireInteger("threads", options.threads, 1, MAX_THREADS);
  const precision = requireName("precision", options.precision ?? "exact", PRECISIONS);
  return { threads, kernel: resolveKernel(options.kernel, info), precision };
}

function resolveKernel(option: string | undefined, info: NativeInfo): string {
  const fromEnvironment = option === undefined ? process.env.W4A16_CPU_KERNEL : undefined;
  const wanted = option ?? (fromEnvironment || undefined);
  const supported = info.kernels.filter((kernel) => kernel.supported).map((kernel) => kernel.name);
  if (wanted === undefined) return supported[0]!;
  if (supported.includes(wanted)) return wanted;
  const subject = option === undefined ? "W4A16_CPU_KERNEL" : "kernel";
  const fix = "Choose one of these, or omit it for the best.";
  if (!CPU_KERNELS.includes(wanted as CpuKernel)) {
    throw new ArgumentError({
      code: "W4A16_INVALID_VALUE",
      subject,
      expected: CPU_KERNELS.join(", "),
      received: describeValue(wanted),
      fix,
    });
  }
  throw new DeviceError({
    code: "W4A16_DEVICE_UNAVAILABLE",
    subject,
    expected: `a kernel that ${info.model} runs: ${supported.join(", ")}`,
    received: describeValue(wanted),
    fix,
  });
}
