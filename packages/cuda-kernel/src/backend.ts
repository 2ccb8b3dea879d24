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
import { nvidiaDriverVersion } from "./driver.js";
import { type KernelPreference, PREFERENCE } from "./native.js";
import { defaultCacheFile } from "./tuning/cache.js";

/** What `cuda.open` takes. */
export interface CudaOptions {
  /** Which GPU, as `cudaDevices()` numbers them. Default: the first that is supported. */
  readonly device?: number | undefined;
  /**
   * Which kernel multiplies 16-bit activations: `"portable"`, or `"hopper"` wherever it takes the
   * product. Default: the environment variable W4A16_CUDA_KERNEL, else the one expected to be faster.
   */
  readonly kernel?: KernelPreference | undefined;
  /**
   * The file in which `device.tune()` keeps its results and from which the device takes those of
   * earlier processes; false for neither. Default: the environment variable W4A16_CUDA_TUNING (`off`
   * for neither), else a file in the user's cache folder.
   */
  readonly tuning?: string | false | undefined;
}

/** The backend's type: its devices are {@link CudaDevice}s. */
export interface CudaBackend extends Backend<CudaOptions> {
  availability(): CudaAvailability;
  open(options?: CudaOptions): Promise<CudaDevice>;
}

/** NVIDIA GPUs, from compute capability 8.0 on. */
export const cuda: CudaBackend = {
  name: "cuda",
  availability,
  open: async (options = {}) => {
    requireOptions("options", options, ["device", "kernel", "tuning"]);
    const kernel = requireKernel(options.kernel);
    const file = requireTuning(options.tuning);
    requireAvailable("cuda", availability());
    const { addon } = loadAddon();
    const { devices, driverVersion } = addon!.probe();
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
    const device = new CudaDevice(addon!, info, kernel, {
      file,
      driver: nvidiaDriverVersion() ?? `for CUDA ${driverVersion}`,
    });
    await device.tuning.load();
    return device;
  },
};

/** The cache file that the option, or else the environment, asks for; undefined for none. */
function requireTuning(option: unknown): string | undefined {
  if (option === false) return undefined;
  if (typeof option === "string" && option !== "") return option;
  if (option === undefined) {
    const { W4A16_CUDA_TUNING } = process.env;
    return W4A16_CUDA_TUNING === "off" ? undefined : W4A16_CUDA_TUNING || defaultCacheFile();
  }
  throw new ArgumentError({
    code: "W4A16_INVALID_TYPE",
    subject: "tuning",
    expected: "a path, or false",
    received: describeValue(option),
    fix: "Omit it for a file in the user's cache folder.",
  });
}

/** The kernel that the option, or else the environment, asks for. */
function requireKernel(option: unknown): KernelPreference | undefined {
  const [subject, value] =
    option === undefined
      ? ["W4A16_CUDA_KERNEL", process.env.W4A16_CUDA_KERNEL || undefined]
      : ["kernel", option];
  if (value === undefined) return undefined;
  if (typeof value === "string" && Object.hasOwn(PREFERENCE, value)) {
    return value as KernelPreference;
  }
  throw new ArgumentError({
    code: "W4A16_INVALID_VALUE",
    subject: subject as string,
    expected: "portable or hopper",
    received: describeValue(value),
    fix: "Omit it: the kernel that is expected to be faster is used.",
  });
}
