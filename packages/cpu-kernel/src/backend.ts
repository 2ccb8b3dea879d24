/** The backend named `cpu`. */
import { type Availability, type Backend, type Device, unavailableError } from "@w4a16/core";
import { loadAddon } from "./addon.js";
import { CpuDevice } from "./device.js";
import { type CpuKernel, type CpuOptions, resolveOptions } from "./options.js";

function availability(): Availability {
  const loaded = loadAddon();
  if ("addon" in loaded) return { available: true };
  return { available: false, reason: loaded.reason, fix: loaded.fix };
}

/**
 * Opens a CPU device at once.
 *
 * @throws DeviceError `W4A16_DEVICE_UNAVAILABLE` where the addon is missing or the kernel cannot run.
 * @throws ArgumentError on a wrong option.
 */
export function openCpu(options: CpuOptions = {}): CpuDevice {
  const loaded = loadAddon();
  if (!("addon" in loaded)) throw unavailableError("cpu", loaded);
  const info = loaded.addon.info();
  return new CpuDevice(loaded.addon, info, resolveOptions(options, info));
}

/** Fused int4 products on this machine's CPU. */
export const cpu: Backend<CpuOptions> = {
  name: "cpu",
  availability,
  open: async (options?: CpuOptions): Promise<Device> => openCpu(options),
};

/** Kernels that this build has and this CPU runs, best first; empty where the addon is missing. */
export function supportedKernels(): CpuKernel[] {
  const loaded = loadAddon();
  if (!("addon" in loaded)) return [];
  return loaded.addon
    .info()
    .kernels.filter((kernel) => kernel.supported)
    .map((kernel) => kernel.name as CpuKernel);
}
