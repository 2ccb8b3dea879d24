/** The devices a benchmark can run on: those that are installed, and why others are not. */
import { type Availability, type Backend, unavailableError } from "@w4a16/core";
import { reference } from "@w4a16/reference";

/** Where each backend comes from, in the order in which "auto" tries them. */
const PACKAGES = [
  ["cuda", () => load("@w4a16/cuda-kernel")],
  ["cpu", () => load("@w4a16/cpu-kernel")],
] as const;

export const DEVICE_NAMES: readonly string[] = ["auto", "reference", "cpu", "cuda"];

/** Every backend, best first; one whose package is missing says so when asked whether it is available. */
export async function loadBackends(): Promise<Backend[]> {
  const found = await Promise.all(PACKAGES.map(([name, from]) => loadBackend(name, from)));
  return [...found, reference as Backend];
}

/**
 * The backend called `name` among a module's exports.
 *
 * @param from imports the module; may reject.
 */
export async function loadBackend(name: string, from: () => Promise<object>): Promise<Backend> {
  let reason: string;
  try {
    const backend = Object.values(await from()).find((value) => isBackend(value, name));
    if (backend) return backend;
    reason = `its package exports no backend called ${name}`;
  } catch (error) {
    reason = isMissing(error) ? "its package is not installed" : String(error);
  }
  return absent(name, {
    available: false,
    reason,
    fix: `Install @w4a16/${name}-kernel and build it.`,
  });
}

function absent(name: string, availability: Availability & { available: false }): Backend {
  return {
    name,
    availability: () => availability,
    open: async () => {
      throw unavailableError(name, availability);
    },
  };
}

function isBackend(value: unknown, name: string): value is Backend {
  const candidate = value as Partial<Backend> | null;
  return (
    typeof candidate === "object" &&
    candidate?.name === name &&
    typeof candidate.availability === "function" &&
    typeof candidate.open === "function"
  );
}

function isMissing(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND";
}

/** Imports by a name that the compiler need not resolve: the package may be absent. */
function load(specifier: string): Promise<object> {
  return import(specifier);
}
