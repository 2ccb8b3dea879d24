import {
  ArgumentError,
  DeviceError,
  describeValue,
  requireCallback,
  requireOptions,
} from "../errors.js";
import type { Availability, Backend, Device } from "./types.js";

/** Options of `openDevice`. */
export interface OpenDeviceOptions {
  /** Told, while `"auto"` looks for a device, of each backend it had to pass over. */
  readonly onSkip?: ((name: string, why: Availability & { available: false }) => void) | undefined;
}

/**
 * Opens a device of one of `backends`, by name, or, for `"auto"`, of the first
 * in the list that is available. Only `"auto"` ever falls back: a named backend
 * that is not available is an error.
 *
 * @throws DeviceError `W4A16_UNKNOWN_DEVICE` or `W4A16_DEVICE_UNAVAILABLE`.
 * @throws ArgumentError for what is no list of backends.
 */
export async function openDevice(
  name: string,
  backends: readonly Backend[],
  options: OpenDeviceOptions = {},
): Promise<Device> {
  requireBackends(backends);
  requireOptions("options", options, ["onSkip"]);
  requireCallback("onSkip", options.onSkip);
  if (name !== "auto") {
    const backend = backends.find((candidate) => candidate.name === name);
    if (!backend) throw unknownDevice(name, backends);
    return openAvailable(backend);
  }
  const reasons: string[] = [];
  for (const backend of backends) {
    const availability = backend.availability();
    if (availability.available) return backend.open();
    options.onSkip?.(backend.name, availability);
    reasons.push(`${backend.name}: ${availability.reason}`);
  }
  throw new DeviceError({
    code: "W4A16_DEVICE_UNAVAILABLE",
    subject: "device",
    expected: "an available backend",
    received: reasons.join("; ") || "an empty list of backends",
    fix: "Add the reference backend to the list: it runs anywhere.",
  });
}

/** Opens a device of `backend`, or throws what it lacks. */
export async function openAvailable<Options extends object>(
  backend: Backend<Options>,
  options?: Options,
): Promise<Device> {
  if (!isBackend(backend)) {
    throw new ArgumentError({
      code: "W4A16_INVALID_TYPE",
      subject: "backend",
      expected: "a backend",
      received: describeValue(backend),
      fix: "Pass cpu, cuda or reference of the packages that export them.",
    });
  }
  requireAvailable(backend.name, backend.availability());
  return backend.open(options);
}

/** Throws `W4A16_DEVICE_UNAVAILABLE` unless the backend is available. */
export function requireAvailable(name: string, availability: Availability): void {
  if (!availability.available) throw unavailableError(name, availability);
}

/** The error of opening a backend that is not available. */
export function unavailableError(
  name: string,
  why: { readonly reason: string; readonly fix: string },
): DeviceError {
  return new DeviceError({
    code: "W4A16_DEVICE_UNAVAILABLE",
    subject: `device "${name}"`,
    expected: "an available backend",
    received: why.reason,
    fix: why.fix,
  });
}

/** Whether a value is a backend, such as a package may export. */
export function isBackend(value: unknown): value is Backend {
  const candidate = value as Partial<Backend> | null | undefined;
  return typeof candidate?.availability === "function" && typeof candidate.open === "function";
}

function requireBackends(backends: readonly Backend[]): void {
  if (Array.isArray(backends) && backends.every(isBackend)) return;
  throw new ArgumentError({
    code: "W4A16_INVALID_TYPE",
    subject: "backends",
    expected: "an array of backends",
    received: describeValue(backends),
    fix: "Pass those to choose from, such as [cpu, reference]; openDevice of w4a16 knows them all.",
  });
}

function unknownDevice(name: string, backends: readonly Backend[]): DeviceError {
  return new DeviceError({
    code: "W4A16_UNKNOWN_DEVICE",
    subject: "device",
    expected: ["auto", ...backends.map((backend) => backend.name)].join(", "),
    received: describeValue(name),
    fix: "Pass one of these names, or add the backend to the list.",
  });
}
