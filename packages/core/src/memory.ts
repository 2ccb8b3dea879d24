/** Memory that is not there: one error for the runtime's and for every device's. */
import { DeviceError } from "./errors.js";

/** What is known of an allocation that failed. */
export interface Shortage {
  /** How many were asked for, where it is known. */
  readonly bytes?: number | undefined;
  /** In the words of what could not allocate. */
  readonly received?: string | undefined;
  readonly cause?: unknown;
}

/**
 * The error of an allocation that failed.
 *
 * @param subject what was to be allocated.
 */
export function outOfMemory(
  subject: string,
  { bytes, received = "a failed allocation", cause }: Shortage = {},
): DeviceError {
  return new DeviceError({
    code: "W4A16_OUT_OF_MEMORY",
    subject,
    expected: bytes === undefined ? "enough free memory" : `${bytes} bytes of free memory`,
    received,
    fix: "Dispose what is no longer needed, or work on fewer rows at a time.",
    cause,
  });
}

/**
 * Runs `allocate`, which makes arrays of `bytes` bytes, and turns the runtime's
 * `RangeError` into `W4A16_OUT_OF_MEMORY`.
 */
export function allocateOrThrow<T>(bytes: number, allocate: () => T): T {
  try {
    return allocate();
  } catch (cause) {
    throw cause instanceof RangeError ? outOfMemory("memory", { bytes, cause }) : cause;
  }
}
