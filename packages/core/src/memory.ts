import { DeviceError } from "./errors.js";

/**
 * Runs `allocate`, which makes arrays of `bytes` bytes, and turns the runtime's
 * `RangeError` into `W4A16_OUT_OF_MEMORY`.
 */
export function allocateOrThrow<T>(bytes: number, allocate: () => T): T {
  try {
    return allocate();
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new DeviceError({
      code: "W4A16_OUT_OF_MEMORY",
      subject: "memory",
      expected: `${bytes} bytes in one typed array`,
      received: "a failed allocation",
      fix: "Dispose what is no longer needed, or work on fewer rows at a time.",
      cause,
    });
  }
}
