import { readFileSync } from "node:fs";

const FILE = "/proc/driver/nvidia/version";

/** The version of the NVIDIA driver, such as "580.159.04"; undefined where there is none, or the system does not tell. */
export function nvidiaDriverVersion(file: string = FILE): string | undefined {
  try {
    return /Kernel Module.*?\s(\d+(?:\.\d+)+)/.exec(readFileSync(file, "utf8"))?.[1];
  } catch {
    return undefined; // not on Linux, or hidden in a container
  }
}
