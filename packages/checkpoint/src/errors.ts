/** The errors of files: what is missing, damaged, unsupported, or would lose something. */
import { ArgumentError, describeValue, type ErrorDetails, W4A16Error } from "@w4a16/core";

/** Codes of errors about checkpoints. They never change once released. */
export type CheckpointErrorCode =
  | "W4A16_FILE_NOT_FOUND"
  | "W4A16_FILE_UNREADABLE"
  | "W4A16_WRITE_FAILED"
  | "W4A16_UNKNOWN_CONTAINER"
  | "W4A16_INVALID_JSON"
  | "W4A16_INVALID_SAFETENSORS"
  | "W4A16_INVALID_GGUF"
  | "W4A16_INVALID_CHECKPOINT"
  | "W4A16_UNSAFE_PATH"
  | "W4A16_UNSUPPORTED_FORMAT"
  | "W4A16_TENSOR_NOT_FOUND"
  | "W4A16_LAYER_NOT_FOUND"
  | "W4A16_NOT_QUANTIZED"
  | "W4A16_ACT_ORDER"
  | "W4A16_NOTHING_TO_DO"
  | "W4A16_OUTPUT_IS_INPUT"
  | "W4A16_OUTPUT_BUSY"
  | "W4A16_USAGE";

/** A file or checkpoint that cannot be used, and why. */
export class CheckpointError extends W4A16Error<CheckpointErrorCode> {}

/** A damaged file: `subject` says where in it. */
export function invalid(
  code: CheckpointErrorCode,
  subject: string,
  expected: string,
  received: unknown,
  fix = "The file is damaged or was not written to the format: fetch or write it again.",
): CheckpointError {
  return new CheckpointError({ code, subject, expected, received: clip(received), fix });
}

/** Names in hostile files may be megabytes long; an error is one readable line. */
export function clip(value: unknown, most = 120): string {
  const text = typeof value === "string" ? value : describeValue(value);
  const line = [...text.slice(0, most)].map((c) => (c < " " || c === "\x7f" ? "�" : c)).join("");
  return text.length > most ? `${line}…` : line;
}

/** Checks that `value` is a string. Throws `W4A16_INVALID_TYPE`. */
export function requireText(subject: string, value: unknown, fix: string): string {
  if (typeof value === "string") return value;
  throw new ArgumentError({
    code: "W4A16_INVALID_TYPE",
    subject,
    expected: "a string",
    received: describeValue(value),
    fix,
  });
}

/**
 * Checks a path. Throws `W4A16_INVALID_TYPE`, or `W4A16_INVALID_VALUE` on a NUL character,
 * which Node refuses with an error of its own that is not ours.
 */
export function requirePath(subject: string, value: unknown): string {
  const path = requireText(
    subject,
    value,
    "Pass a path; of a file: URL, fileURLToPath(url) gives it.",
  );
  if (!path.includes("\0")) return path;
  throw new ArgumentError({
    code: "W4A16_INVALID_VALUE",
    subject,
    expected: "a path without NUL characters",
    received: JSON.stringify(clip(path)),
    fix: "Remove the character, shown as �: no file can have it in its name.",
  });
}

/** What `work` gives. ArgumentErrors that it throws say of which layer they speak. */
export function inLayer<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw ofLayer(name, error);
  }
}

/** The error to throw for one that came up in a layer: an ArgumentError names the layer. */
export function ofLayer(name: string, error: unknown): unknown {
  if (!(error instanceof ArgumentError)) return error;
  const { code, subject, expected, received, fix } = error;
  const layer = `layer ${clip(name)}: ${subject}`;
  return new ArgumentError({ code, subject: layer, expected, received, fix });
}

/**
 * Wraps a failure of the file system, keeping its cause.
 *
 * @param resumes whether the same call would go on where it failed.
 */
export function fileError(
  path: string,
  cause: unknown,
  doing: "read" | "write",
  resumes = false,
): CheckpointError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const missing = code === "ENOENT" || code === "ENOTDIR";
  const details: ErrorDetails<CheckpointErrorCode> = {
    code:
      doing === "write"
        ? "W4A16_WRITE_FAILED"
        : missing
          ? "W4A16_FILE_NOT_FOUND"
          : "W4A16_FILE_UNREADABLE",
    subject: clip(path, 400),
    expected: doing === "read" ? "a readable file" : "a place that can be written",
    received: missing ? "nothing at this path" : clip(message ?? String(cause)),
    fix:
      code === "ENOSPC"
        ? `Free some space, then run again${resumes ? ": finished layers are kept" : ""}.`
        : "Check the path and its permissions.",
    cause,
  };
  return new CheckpointError(details);
}
