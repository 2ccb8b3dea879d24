/** The files that a run reads: what identifies them, and that no output takes their place. */
import { realpath, stat } from "node:fs/promises";
import { resolve, sep } from "node:path";
import { CheckpointError, clip, fileError } from "../errors.js";
import { configFiles } from "../linear/config.js";
import type { TensorStore } from "../store.js";
import { journalOf, partialOf } from "./journal.js";

/** What identifies the input of a run: a changed file must not be continued. */
export async function fingerprint(store: TensorStore, settings: object): Promise<string> {
  const files = await Promise.all(
    inputFiles(store).map(async (file) => {
      const { size, mtimeMs } = await stat(file).catch((cause) => {
        throw fileError(file, cause, "read");
      });
      return [file, size, mtimeMs];
    }),
  );
  return JSON.stringify({ files, settings });
}

/**
 * Refuses an output that is one of the inputs, or that names or is something else than a
 * file: what is written takes its name, and a folder, a pipe or a device must not lose it.
 */
export async function requireOutput(store: TensorStore, out: string): Promise<void> {
  await requireFilePlace(out);
  await requireNoInput(store, [out, partialOf(resolve(out)), journalOf(resolve(out))]);
}

/** Refuses an output that names or is something else than a file. Throws `W4A16_WRITE_FAILED`. */
export async function requireFilePlace(out: string): Promise<void> {
  // "new/" is the file "new" once it is resolved, and its caller wanted a folder.
  const last = out.slice(Math.max(out.lastIndexOf("/"), out.lastIndexOf(sep)) + 1);
  if (["", ".", ".."].includes(last)) throw noFile(out, "the name of a folder");
  const target = await realpath(resolve(out)).catch(() => undefined);
  if (target !== undefined && !(await stat(target)).isFile()) {
    throw noFile(out, "a folder, a pipe or a device");
  }
}

/** Refuses to write files that are among the inputs. Throws `W4A16_OUTPUT_IS_INPUT`. */
export async function requireNoInput(store: TensorStore, places: readonly string[]): Promise<void> {
  const inputs = new Set(await Promise.all(inputFiles(store).map((file) => realpath(file))));
  for (const place of places) {
    const target = await realpath(resolve(place)).catch(() => undefined);
    if (target === undefined || !inputs.has(target)) continue;
    throw new CheckpointError({
      code: "W4A16_OUTPUT_IS_INPUT",
      subject: clip(place, 400),
      expected: "an output beside the input",
      received: "the input itself",
      fix: "Name another output; the input is never changed.",
    });
  }
}

function inputFiles(store: TensorStore): string[] {
  return [...store.files, ...configFiles(store)];
}

function noFile(out: string, received: string): CheckpointError {
  return new CheckpointError({
    code: "W4A16_WRITE_FAILED",
    subject: clip(out, 400),
    expected: "the name of a file",
    received,
    fix: "Name a file in a folder that exists.",
  });
}
