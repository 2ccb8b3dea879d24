/**
 * The file in which tuning keeps what it measured. Many processes read it, some write at once, and it
 * outlives GPUs, drivers and versions of this package; so whatever is in it is believed only as
 * far as it can be read, and nothing is lost that another process wrote.
 */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** The fastest kernel of one product, as measured. */
export interface TunedKernel {
  /** Its name, as `tune` reports it. */
  readonly kernel: string;
  /** Median of the GPU's time. */
  readonly microseconds: number;
  /** As `microseconds`, of the kernel that the product has without tuning. */
  readonly untuned: number;
}

/** By product: see `productKey`. */
export type TunedKernels = Readonly<Record<string, TunedKernel>>;

interface Document {
  readonly schema: 1;
  /** By device, driver and version of this package: what was measured with another says nothing. */
  readonly devices: Readonly<Record<string, TunedKernels>>;
}

/** What a cache file held for a device. */
export interface LoadedKernels {
  readonly kernels: TunedKernels;
  /** Why the file, or a part of it, was left out; undefined where all was well, or there is no file. */
  readonly problem: string | undefined;
}

/** Far above what a program tunes; a file is not read into memory without bound. */
const MAX_BYTES = 2 ** 24;
const LOCK_TIMEOUT_MS = 5_000;
/** A writer takes milliseconds; a lock this old was left by one that died. */
const STALE_LOCK_MS = 10_000;

/** Where results are kept unless `W4A16_CUDA_TUNING` or an option says otherwise. */
export function defaultCacheFile(): string {
  const base = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  return join(base, "w4a16", "cuda-tuning.json");
}

/** What `file` holds for `device`. Never throws: a cache that cannot be read is as good as none. */
export async function readKernels(file: string, device: string): Promise<LoadedKernels> {
  const { document, problem } = await readDocument(file);
  return { kernels: document.devices[device] ?? {}, problem };
}

/**
 * Adds `kernels` to what `file` holds, with everything that other processes have written meanwhile.
 * A file that cannot be understood is replaced.
 *
 * @throws what the file system throws where the file cannot be written.
 */
export async function addKernels(
  file: string,
  device: string,
  kernels: TunedKernels,
): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const unlock = await lock(`${file}.lock`);
  try {
    const { document } = await readDocument(file);
    const merged: Document = {
      schema: 1,
      devices: {
        ...document.devices,
        [device]: { ...document.devices[device], ...kernels },
      },
    };
    // Renamed into place: a reader sees the old file or the new one, and never half of one.
    const temporary = `${file}.${process.pid}.${randomBytes(6).toString("hex")}.tmp`;
    try {
      await writeFile(temporary, `${JSON.stringify(merged, null, 1)}\n`);
      await rename(temporary, file);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  } finally {
    await unlock();
  }
}

async function readDocument(file: string): Promise<{ document: Document; problem?: string }> {
  const empty: Document = { schema: 1, devices: {} };
  let text: string;
  try {
    const place = await stat(file);
    // Reading a named pipe would wait for its writer.
    if (!place.isFile()) return { document: empty, problem: `${file} is no file` };
    const { size } = place;
    if (size > MAX_BYTES) return { document: empty, problem: `${file} is ${size} bytes long` };
    text = await readFile(file, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === "ENOENT" ? { document: empty } : { document: empty, problem: message };
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    return { document: empty, problem: `${file} is not JSON: ${(error as Error).message}` };
  }
  if (!isRecord(parsed) || parsed.schema !== 1 || !isRecord(parsed.devices)) {
    return { document: empty, problem: `${file} is no tuning cache of schema 1` };
  }
  let dropped = 0;
  const devices = Object.entries(parsed.devices).map(([device, kernels]) => {
    const entries = isRecord(kernels) ? Object.entries(kernels) : [];
    if (!isRecord(kernels)) dropped++;
    const sound = entries.filter((entry): entry is [string, TunedKernel] => isTuned(entry[1]));
    dropped += entries.length - sound.length;
    return [device, Object.fromEntries(sound)] as const;
  });
  const document: Document = { schema: 1, devices: Object.fromEntries(devices) };
  return dropped === 0
    ? { document }
    : { document, problem: `${file} has ${dropped} malformed entries, which were left out` };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTuned(value: unknown): boolean {
  return (
    isRecord(value) &&
    typeof value.kernel === "string" &&
    Number.isFinite(value.microseconds) &&
    Number.isFinite(value.untuned)
  );
}

/**
 * Takes a lock among processes: a folder, which one of them alone can make. Its owner dying, or a file
 * system without such folders, costs time and at worst another writer's entry, never a hang.
 */
async function lock(path: string): Promise<() => Promise<void>> {
  const end = Date.now() + LOCK_TIMEOUT_MS;
  for (;;) {
    try {
      await mkdir(path);
      return () => rm(path, { recursive: true, force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const age = await stat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    if (age > STALE_LOCK_MS || Date.now() > end) {
      await rm(path, { recursive: true, force: true });
      continue;
    }
    await sleep(5 + 20 * Math.random());
  }
}
