/** Files written under a temporary name and renamed. */
import { randomUUID } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { fileError } from "../errors.js";

/** Writes `bytes` to `path`: a reader sees the old file or the new one, nothing between. */
export async function writeAtomic(path: string, bytes: Uint8Array): Promise<void> {
  await replaceFile(path, (file) => file.writeFile(bytes));
}

/** As {@link writeAtomic}, a file that `write` fills. What it throws leaves `path` as it was. */
export async function replaceFile(
  path: string,
  write: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const temporary = `${path}.w4a16-${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, "w");
    try {
      await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw isSystemError(cause) ? fileError(path, cause, "write") : cause;
  }
}

/** Whether the file system failed, rather than what was to be written. */
export function isSystemError(cause: unknown): boolean {
  return cause instanceof Error && "syscall" in cause;
}
