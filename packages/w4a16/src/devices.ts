/** Every device under one function. */
import {
  type Backend,
  type Device,
  type OpenDeviceOptions,
  openDevice as openDeviceOf,
  requireOptions,
} from "@w4a16/core";
import { type CpuDevice, cpu } from "@w4a16/cpu-kernel";
import { type CudaDevice, cuda } from "@w4a16/cuda-kernel";
import { reference } from "@w4a16/reference";

/** Every backend by its name, the fastest first. */
const BACKENDS = { cuda, cpu, reference };

type BackendName = keyof typeof BACKENDS;
type OptionsOf<Any> = Any extends Backend<infer Options> ? Options : never;

const NAMES = Object.keys(BACKENDS) as BackendName[];

/** Every backend, in the order in which `"auto"` tries them. */
export const backends: readonly Backend[] = Object.values(BACKENDS);

export type DeviceName = "auto" | BackendName;

/** The names that `openDevice` knows. */
export const DEVICE_NAMES: readonly DeviceName[] = ["auto", ...NAMES];

/** `onSkip`, and, by its name, what each device is opened with should it be the one. */
export type OpenOptions = OpenDeviceOptions & {
  readonly [Name in BackendName]?: OptionsOf<(typeof BACKENDS)[Name]> | undefined;
};

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
