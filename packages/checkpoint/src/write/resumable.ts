/**
 * Writes a large file item by item, so that an interrupted run loses one item at
 * most. The bytes go to `OUT.w4a16-partial`, and after each item a line with the
 * hash of its bytes to `OUT.w4a16-journal`; at the end the partial file takes the
 * name OUT, and what had that name before was intact until then. A later run with
 * the same input and settings checks the hashes and continues.
 */
import { createHash } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { throwIfAborted } from "@w4a16/core";
import { fileError } from "../errors.js";
import { readFully, writeFully } from "../io/file.js";
import type { FileLayout } from "../layout.js";
import { isSystemError } from "./atomic.js";
import { type WriteItem, writeItem } from "./item.js";
import { busy, Journal, type JournalLine, partialOf } from "./journal.js";

/** A file to write, item by item. */
export interface WritePlan<Note> {
  readonly layout: FileLayout;
  readonly items: readonly WriteItem<Note>[];
  /** Identifies input and settings: a partial file of another key is not continued. */
  readonly key: string;
  readonly signal?: AbortSignal | undefined;
  /** Told of each item, in order, once its bytes are in the file. */
  readonly onItem?: ((item: WriteItem<Note>, note: Note, resumed: boolean) => void) | undefined;
}

/** Outputs that this process is writing. */
const active = new Set<string>();

/** Writes the file. Gives the number of items taken over from an earlier run. */
export async function writeResumable<Note>(out: string, plan: WritePlan<Note>): Promise<number> {
  const path = resolve(out);
  if (active.has(path)) throw busy(out, process.pid);
  active.add(path);
  try {
    return await write(path, plan);
  } catch (cause) {
    throw isSystemError(cause) ? fileError(out, cause, "write", true) : cause;
  } finally {
    active.delete(path);
  }
}

async function write<Note>(path: string, plan: WritePlan<Note>): Promise<number> {
  const partial = partialOf(path);
  const key = createHash("sha256").update(plan.key).update(plan.layout.header).digest("hex");
  const journal = await Journal.claim(path, key);
  const earlier = journal.finished;
  let file: FileHandle | undefined;
  try {
    file = await open(partial, earlier.length > 0 ? "r+" : "w+").catch(() => open(partial, "w+"));
    const kept = await keepIntact(file, plan, earlier);
    await file.truncate(plan.layout.size);
    await writeFully(file, plan.layout.header, 0);
    await journal.keep(kept.values());
    for (const item of plan.items) {
      throwIfAborted("write", plan.signal);
      const line = kept.get(item.tensors[0]!.name);
      if (line) {
        plan.onItem?.(item, line.note as Note, true);
        continue;
      }
      const { bytes, note } = await item.produce();
      throwIfAborted("write", plan.signal);
      await writeItem(file, plan.layout, item.tensors, bytes);
      await journal.add({ tensor: item.tensors[0]!.name, hash: hashOf(bytes), note });
      plan.onItem?.(item, note, false);
    }
    await file.sync();
    await file.close();
    await rename(partial, path);
    await syncFolder(dirname(path));
    await journal.remove();
    return kept.size;
  } catch (error) {
    await file?.close().catch(() => {});
    // With nothing finished there is nothing to continue.
    if (journal.finished.length === 0) {
      await rm(partial, { force: true });
      await journal.remove();
    } else await journal.release().catch(() => {}); // a full disk must not hide the error
    throw error;
  }
}

/** The journal's items whose bytes in the partial file still have their hash. */
async function keepIntact<Note>(
  file: FileHandle,
  { layout, items }: WritePlan<Note>,
  lines: readonly JournalLine[],
): Promise<Map<string, JournalLine>> {
  const byTensor = new Map(items.map((item) => [item.tensors[0]!.name, item]));
  const kept = new Map<string, JournalLine>();
  for (const line of lines) {
    const item = byTensor.get(line.tensor);
    if (!item) continue;
    const bytes: Uint8Array[] = [];
    for (const { name } of item.tensors) {
      const { offset, byteLength } = layout.places.get(name)!;
      bytes.push(await readFully(file, offset, byteLength));
    }
    if (hashOf(bytes) === line.hash) kept.set(line.tensor, line);
  }
  return kept;
}

function hashOf(parts: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

/** Makes a rename last, on systems where folders can be synced. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined);
  await handle?.sync().catch(() => {});
  await handle?.close();
}
