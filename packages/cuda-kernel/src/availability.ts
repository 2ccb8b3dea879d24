/** Whether there is a GPU to use, and if not, which of several things is missing. */
import { existsSync } from "node:fs";
import type { Availability } from "@w4a16/core";
import { loadAddon } from "./addon.js";
import type { CudaDeviceInfo } from "./native.js";

/** What is missing, for programs. */
export type CudaUnavailableCode =
  | "W4A16_CUDA_ADDON_NOT_BUILT"
  | "W4A16_CUDA_NO_DRIVER"
  | "W4A16_CUDA_DRIVER_TOO_OLD"
  | "W4A16_CUDA_NO_DEVICE"
  | "W4A16_CUDA_UNSUPPORTED_DEVICE";

/** Whether a GPU can be opened here; if not, what is missing, in words and as a code. */
export type CudaAvailability =
  | { readonly available: true }
  | (Availability & { readonly available: false; readonly code: CudaUnavailableCode });

/** Looks for the addon, the driver and a GPU, in this order, and says which is the first missing. */
export function availability(): CudaAvailability {
  const loaded = loadAddon();
  if (!loaded.addon) {
    // What the NVIDIA driver creates on Linux; the build looks for it too.
    return existsSync("/dev/nvidiactl")
      ? missing(
          "W4A16_CUDA_ADDON_NOT_BUILT",
          `the CUDA addon is not built (${loaded.reasons[0]})`,
          "Build it with npm run build, which needs nvcc 13, cmake and ninja.",
        )
      : missing(
          "W4A16_CUDA_ADDON_NOT_BUILT",
          "no NVIDIA GPU was found, and the CUDA addon is not built",
          "It is built on a machine with an NVIDIA GPU, or where W4A16_BUILD_CUDA=1 asks for it.",
        );
  }
  const { driverVersion, runtimeVersion, error, devices } = loaded.addon.probe();
  if (driverVersion === 0) {
    return missing(
      "W4A16_CUDA_NO_DRIVER",
      "no NVIDIA driver was found",
      `Install an NVIDIA driver for CUDA ${major(runtimeVersion)} on a machine with an NVIDIA GPU.`,
    );
  }
  if (major(driverVersion) < major(runtimeVersion)) {
    return missing(
      "W4A16_CUDA_DRIVER_TOO_OLD",
      `the NVIDIA driver is for CUDA ${versionText(driverVersion)}`,
      `Update the driver to one for CUDA ${major(runtimeVersion)}.0 or later.`,
    );
  }
  if (devices.length === 0) {
    return missing(
      "W4A16_CUDA_NO_DEVICE",
      `the NVIDIA driver reports no GPU${error ? ` (${error})` : ""}`,
      "Check nvidia-smi, CUDA_VISIBLE_DEVICES, and that a container was given the GPU.",
    );
  }
  if (!devices.some(isSupported)) {
    return missing(
      "W4A16_CUDA_UNSUPPORTED_DEVICE",
      `no GPU of compute capability 8.0 or higher; there is ${devices.map(describe).join(", ")}`,
      "Use an NVIDIA GPU of the Ampere generation or later.",
    );
  }
  return { available: true };
}

/** The GPUs of this machine, supported or not; none where there is no driver. */
export function cudaDevices(): readonly CudaDeviceInfo[] {
  return loadAddon().addon?.probe().devices ?? [];
}

/** Whether the kernels run on it. */
export function isSupported(device: CudaDeviceInfo): boolean {
  return device.major >= 8;
}

/** A GPU in words: "NVIDIA H100 80GB HBM3 (sm_90)". */
export function describe(device: CudaDeviceInfo): string {
  return `${device.name} (sm_${device.major}${device.minor})`;
}

function missing(code: CudaUnavailableCode, reason: string, fix: string): CudaAvailability {
  return { available: false, code, reason: `${reason} [${code}]`, fix };
}

/** 13 of 13010, which is how CUDA numbers version 13.1. */
function major(version: number): number {
  return Math.floor(version / 1000);
}

/** "13.1" of 13010. */
function versionText(version: number): string {
  return `${major(version)}.${Math.floor((version % 1000) / 10)}`;
}
