import {
  ArgumentError,
  type Backend,
  describeValue,
  requireAvailable,
  requireInteger,
  requireOptions,
} from "@w4a16/core";
import { loadAddon } from "./addon.js";
import { availability, type CudaAvailability, describe, isSupported } from "./availability.js";
import { CudaDevice } from "./device.js";

export interface CudaOptions {
  /** Which GPU, as `cudaDevices()` numbers them. Default: the first that is supported. */
  readonly device?: number | undefined;
}

export interface CudaBackend extends Backend<CudaOptions> {
  availability(): CudaAvailability;
  open(options?: CudaOptions): Promise<CudaDevice>;
}

/** NVIDIA GPUs, from compute capability 8.0 on. */
export const cuda: CudaBackend = {
  name: "cuda",
  availability,
  open: async (options = {}) => {
    requireOptions("options", options, ["device"]);
    requireAvailable("cuda", availability());
    const { addon } = loadAddon();
    const { devices } = addon!.probe();
    const wanted =
      options.device === undefined
        ? devices.find(isSupported)!.ordinal
        : requireInteger("device", options.device, 0);
    const info = devices.find((device) => device.ordinal === wanted);
    if (!info || !isSupported(info)) {
      throw new ArgumentError({
        code: "W4A16_INVALID_VALUE",
        subject: "device",
        expected: `one of ${devices.filter(isSupported).map((d) => `${d.ordinal}: ${describe(d)}`)}`,
        received: info ? describe(info) : describeValue(wanted),
        fix: "Pass the ordinal of a supported GPU; cudaDevices() lists them.",
      });
    }
    return new CudaDevice(addon!, info);
  },
};
