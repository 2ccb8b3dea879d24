/** The devices that could run a weight here. */
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Backend, isBackend, isW4A16Error } from "@w4a16/core";
import { clip } from "./errors.js";

/** One kernel of a device. */
export interface KernelReport {
  readonly name: string;
  readonly available: boolean;
  /** Why it cannot run here. */
  readonly reason?: string | undefined;
}

/** A device, and whether it can be opened here. */
export interface DeviceReport {
  /** What `openDevice` takes. */
  readonly name: string;
  /** The package that brings it. */
  readonly package: string;
  readonly available: boolean;
  /** What computes: model, instruction set, kernel. */
  readonly description?: string | undefined;
  /** The kernels it chooses among, best first, where it has a choice. */
  readonly kernels?: readonly KernelReport[] | undefined;
  /** Why it is not available. */
  readonly reason?: string | undefined;
  /** What would make it available. */
  readonly fix?: string | undefined;
}

/** Package and name of every backend, best first. */
const BACKENDS = [
  { package: "@w4a16/cuda-kernel", name: "cuda" },
  { package: "@w4a16/cpu-kernel", name: "cpu" },
  { package: "@w4a16/reference", name: "reference" },
] as const;

/** Asks every backend that is installed, here or in the current folder's project. */
export function listDevices(): Promise<DeviceReport[]> {
  return Promise.all(BACKENDS.map(describeDevice));
}

async function describeDevice(source: (typeof BACKENDS)[number]): Promise<DeviceReport> {
  const head = { name: source.name, package: source.package };
  try {
    const module = (await importPackage(source.package)) as Record<string, unknown> | undefined;
    if (!module) {
      const fix = `npm install ${source.package}`;
      return { ...head, available: false, reason: "not installed", fix };
    }
    const backend = Object.values(module).find(
      (value): value is Backend => isBackend(value) && value.name === source.name,
    );
    if (!backend) {
      const fix = "Install the same version of every @w4a16 package.";
      return { ...head, available: false, reason: "the package exports no backend", fix };
    }
    const availability = backend.availability();
    if (!availability.available) return { ...head, ...availability };
    using device = await backend.open();
    const { description } = device;
    const kernels = module[`${source.name.toUpperCase()}_KERNELS`];
    if (!Array.isArray(kernels)) return { ...head, available: true, description };
    const reports = await Promise.all(kernels.map((name) => describeKernel(backend, name)));
    return { ...head, available: true, description, kernels: reports };
  } catch (error) {
    // A wrong W4A16_CPU_KERNEL is mended where it was set.
    if (isW4A16Error(error)) {
      const { subject, expected, received, fix } = error;
      const reason = clip(`${subject}: expected ${expected}, received ${received}`, 400);
      return { ...head, available: false, reason, fix };
    }
    const reason = clip((error as Error)?.message ?? String(error), 400);
    return { ...head, available: false, reason, fix: `Reinstall ${source.package}.` };
  }
}

/** Asks for one kernel: a device that cannot run it says why. */
async function describeKernel(backend: Backend, name: string): Promise<KernelReport> {
  try {
    (await backend.open({ kernel: name })).dispose();
    return { name, available: true };
  } catch (error) {
    const { expected, message } = error as { expected?: string; message: string };
    return { name, available: false, reason: clip(expected ? `needs ${expected}` : message, 400) };
  }
}

/** A package as seen from here, or else from the current folder; undefined if neither has it. */
async function importPackage(name: string): Promise<unknown> {
  for (const from of [import.meta.url, pathToFileURL(join(process.cwd(), "package.json"))]) {
    let entry: string;
    try {
      entry = createRequire(from).resolve(name);
    } catch {
      continue;
    }
    return import(pathToFileURL(entry).href);
  }
  return undefined;
}
