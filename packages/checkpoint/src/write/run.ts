/** What runs from one checkpoint to another check before they open anything. */
import { ArgumentError, describeValue, requireCallback, throwIfAborted } from "@w4a16/core";
import { requirePath } from "../errors.js";

/** How far a run is: in bytes of the input, or, of `verifyCheckpoint`, in layers. */
export interface CheckpointProgress {
  /** So far. */
  readonly done: number;
  /** Of the whole run. */
  readonly total: number;
  /** The layer or tensor at hand. */
  readonly name: string;
}

/** Options that runs have in common. */
export interface RunOptions {
  /** Globs of layer names; `*` also spans dots. */
  readonly include?: readonly string[] | undefined;
  /** Globs of layer names to leave out. */
  readonly exclude?: readonly string[] | undefined;
  readonly onProgress?: ((progress: CheckpointProgress) => void) | undefined;
  /** Ends the run between two layers or tensors; the same call continues it. */
  readonly signal?: AbortSignal | undefined;
}

/** Checks the paths and the common options of a run. */
export function requireRun(input: string, output: string, options: RunOptions): void {
  requirePath("input", input);
  requirePath("output", output);
  requireGlobs("include", options.include);
  requireGlobs("exclude", options.exclude);
  requireCallback("onProgress", options.onProgress);
  throwIfAborted("the run", options.signal);
}

/** Characters of a glob: what a longer one compiles to could keep the matcher busy for long. */
const MAX_GLOB = 4096;

function requireGlobs(subject: string, globs: unknown): void {
  if (globs === undefined) return;
  if (!Array.isArray(globs)) {
    throw new ArgumentError({
      code: "W4A16_INVALID_TYPE",
      subject,
      expected: "an array of globs",
      received: describeValue(globs),
      fix: `Pass ${subject}: ["GLOB"], also for a single one.`,
    });
  }
  for (const glob of globs as unknown[]) {
    if (typeof glob === "string" && glob.length > 0 && glob.length <= MAX_GLOB) continue;
    throw new ArgumentError({
      code: "W4A16_INVALID_VALUE",
      subject,
      expected: `globs of 1 to ${MAX_GLOB} characters`,
      received: typeof glob === "string" ? `one of ${glob.length}` : describeValue(glob),
      fix: "Give each layer, or each pattern of layers, a glob of its own.",
    });
  }
}
