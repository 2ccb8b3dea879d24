/**
 * Writes a large file item by item, so that an interrupted run loses one item at
 * most. The bytes go to `OUT.w4a16-partial`, and after each item a line with the
 * hash of its bytes to `OUT.w4a16-journal`; at the end the partial file takes the
 * name OUT, and what had that name before was intact until then. A later run with
 * the same input and settings checks the hashes and continues.
 */
import { createHash } from "node:crypto";
import { type FileHandle, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { throwIfAborted } from "@w4a16/core";
import { CheckpointError, fileError } from "../errors.js";
import { readFully } from "../io/file.js";
import type { FileLayout, TensorSpec } from "../safetensors/encode.js";

/** Tensors that are made, and written, together. */
export interface WriteItem<Note> {
  readonly name: string;
  readonly tensors: readonly TensorSpec[];
  /** Makes the tensors' bytes, in order, and a note that a resumed run gets back. */
  produce(): Promise<{ readonly bytes: readonly Uint8Array[]; readonly note: Note }>;
}

export interface WritePlan<Note> {
  readonly layout: FileLayout;
  readonly items: readonly WriteItem<Note>[];
  /** Identifies input and settings: a partial file of another key is not continued. */
  readonly key: string;
  readonly signal?: AbortSignal | undefined;
  /** Told of each item, in order, once its bytes are in the file. */
  readonly onItem?: ((item: WriteItem<Note>, note: Note, resumed: boolean) => void) | undefined;
}

interface JournalLine {
  /** Of the item's first tensor: no two items make the same. */
  readonly tensor: string;
  readonly hash: string;
  readonly note: unknown;
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
    throw cause instanceof Error && "syscall" in cause ? fileError(out, cause, "write") : cause;
  } finally {
    active.delete(path);
  }
}

async function write<Note>(path: string, plan: WritePlan<Note>): Promise<number> {
  const partial = `${path}.w4a16-partial`;
  const journal = `${path}.w4a16-journal`;
  const key = createHash("sha256").update(plan.key).update(plan.layout.header).digest("hex");
  const earlier = await readJournal(journal, key, path);
  const file = await open(partial, earlier.length > 0 ? "r+" : "w+").catch(() =>
    open(partial, "w+"),
  );
  let finished = 0;
  try {
    const kept = await keepIntact(file, plan, earlier);
    finished = kept.size;
    await file.truncate(plan.layout.size);
    await writeFully(file, plan.layout.header, 0);
    const lines = [JSON.stringify({ key, pid: process.pid }), ...kept.values()].map((line) =>
      typeof line === "string" ? line : JSON.stringify(line),
    );
    await writeFile(journal, `${lines.join("\n")}\n`);
    for (const item of plan.items) {
      throwIfAborted("write", plan.signal);
      const line = kept.get(item.tensors[0]!.name);
      if (line) {
        plan.onItem?.(item, line.note as Note, true);
        continue;
      }
      const { bytes, note } = await item.produce();
      throwIfAborted("write", plan.signal);
      await writeItem(file, plan.layout, item, bytes);
      const tensor = item.tensors[0]!.name;
      const done: JournalLine = { tensor, hash: hashOf(bytes), note };
      await writeFile(journal, `${JSON.stringify(done)}\n`, { flag: "a" });
      finished++;
      plan.onItem?.(item, note, false);
    }
    await file.sync();
    await file.close();
    await rename(partial, path);
    await syncFolder(dirname(path));
    await rm(journal, { force: true });
    return kept.size;
  } catch (error) {
    await file.close().catch(() => {});
    // With nothing finished there is nothing to continue.
    if (finished === 0)
      await Promise.all([partial, journal].map((name) => rm(name, { force: true })));
    throw error;
  }
}

/** The lines of a journal with this key; none if there is none, or it is another's. */
async function readJournal(journal: string, key: string, out: string): Promise<JournalLine[]> {
  const text = await readFile(journal, "utf8").catch(() => "");
  const [head, ...lines] = text.split("\n").map(parseLine);
  if (!head) return [];
  const { pid } = head as { pid?: unknown };
  if (typeof pid === "number" && pid !== process.pid && isRunning(pid)) throw busy(out, pid);
  if ((head as { key?: unknown }).key !== key) return [];
  return lines.filter((line) => line !== undefined) as JournalLine[];
}

/** A line of JSON, or nothing where a crash cut it off. */
function parseLine(line: string): object | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
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

async function writeItem<Note>(
  file: FileHandle,
  layout: FileLayout,
  item: WriteItem<Note>,
  bytes: readonly Uint8Array[],
): Promise<void> {
  for (const [i, { name }] of item.tensors.entries()) {
    const { offset, byteLength } = layout.places.get(name)!;
    const data = bytes[i];
    if (data?.length !== byteLength) {
      throw new RangeError(`${name}: ${data?.length} bytes were made for ${byteLength}`);
    }
    await writeFully(file, data, offset);
  }
}

async function writeFully(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const step = Math.min(bytes.length - done, 2 ** 30);
    done += (await file.write(bytes, done, step, offset + done)).bytesWritten;
  }
}

function hashOf(parts: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Makes a rename last, on systems where folders can be synced. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined);
  await handle?.sync().catch(() => {});
  await handle?.close();
}

function busy(out: string, pid: number): CheckpointError {
  return new CheckpointError({
    code: "W4A16_OUTPUT_BUSY",
    subject: out,
    expected: "an output that nobody else writes",
    received: `process ${pid}, which is writing it`,
    fix: `Wait for it to end; if no such run exists, remove ${out}.w4a16-journal.`,
  });
}
