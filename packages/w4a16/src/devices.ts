/** Every device under one function. */
import {
  type Backend,
  type Device,
  type OpenDeviceOptions,
  openDevice as openDeviceOf,
  requireOptions,
} from "@w4a16/core";
import { type CpuDevice, type CpuOptions, cpu } from "@w4a16/cpu-kernel";
import { type CudaDevice, type CudaOptions, cuda } from "@w4a16/cuda-kernel";
import { type ReferenceOptions, reference } from "@w4a16/reference";

/** What each device is opened with, by its name. */
export interface BackendOptions {
  readonly cuda?: CudaOptions | undefined;
  readonly cpu?: CpuOptions | undefined;
  readonly reference?: ReferenceOptions | undefined;
}

/** `onSkip`, and what each device is opened with should it be the one. */
export interface OpenOptions extends OpenDeviceOptions, BackendOptions {}

/** The names that {@link openDevice} knows. */
export type DeviceName = "auto" | keyof BackendOptions;

/** By name, the fastest first: the order in which `"auto"` tries them. */
const BACKENDS: { readonly [Name in keyof BackendOptions]-?: Backend } = { cuda, cpu, reference };
const NAMES = Object.keys(BACKENDS) as (keyof BackendOptions)[];

/** Every backend, in the order in which `"auto"` tries them. */
export const backends: readonly Backend[] = Object.values(BACKENDS);

/** The names that {@link openDevice} knows. */
export const DEVICE_NAMES: readonly DeviceName[] = ["auto", ...NAMES];

/**
 * Opens a device by name. `"auto"`, the default, takes the first of CUDA, CPU and
 * reference that this machine has; a device asked for by name is never replaced
 * by another.
 *
 * ```ts
 * using device = await openDevice();
 * using other = await openDevice("cpu", { cpu: { threads: 4 } });
 * ```
 *
 * @throws DeviceError `W4A16_UNKNOWN_DEVICE` or `W4A16_DEVICE_UNAVAILABLE`.
 * @throws ArgumentError for options the device does not know.
 */
export async function openDevice(name: "cuda", options?: OpenOptions): Promise<CudaDevice>;
export async function openDevice(name: "cpu", options?: OpenOptions): Promise<CpuDevice>;
export async function openDevice(
  name?: DeviceName | (string & {}),
  options?: OpenOptions,
): Promise<Device>;
export async function openDevice(name = "auto", options: OpenOptions = {}): Promise<Device> {
  requireOptions("options", options, ["onSkip", ...NAMES]);
  const configured = NAMES.map((each) => configure(BACKENDS[each], options[each]));
  return openDeviceOf(name, configured, { onSkip: options.onSkip });
}

/** `backend` with its options filled in. */
function configure(backend: Backend, options: object | undefined): Backend {
  return {
    name: backend.name,
    availability: () => backend.availability(),
    open: () => backend.open(options),
  };
}
