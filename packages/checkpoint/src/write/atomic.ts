/** Small files, written under a temporary name and renamed. */
import { randomUUID } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { fileError } from "../errors.js";

/** Writes `bytes` to `path`: a reader sees the old file or the new one, nothing between. */
export async function writeAtomic(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.w4a16-${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, "w");
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw fileError(path, cause, "write");
  }
}
