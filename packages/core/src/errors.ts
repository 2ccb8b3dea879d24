/** The errors of the product: what packing defines, and what devices add. */
import { W4A16Error } from "@w4a16/packing/errors";

export {
  ArgumentError,
  type ArgumentErrorCode,
  describeValue,
  type ErrorDetails,
  isW4A16Error,
  requireEvenInFeatures,
  requireInstance,
  requireInteger,
  requireLength,
  requireOptions,
  W4A16Error,
} from "@w4a16/packing/errors";

/** Codes of errors about devices and the handles they give out. */
export type DeviceErrorCode =
  | "W4A16_DISPOSED"
  | "W4A16_DEVICE_MISMATCH"
  | "W4A16_UNKNOWN_DEVICE"
  | "W4A16_DEVICE_UNAVAILABLE"
  | "W4A16_OUT_OF_MEMORY"
  | "W4A16_NATIVE_FAILURE"
  | "W4A16_WORKER_FAILED";

/** A device that is absent, a handle that is gone or belongs elsewhere, a failure below. */
export class DeviceError extends W4A16Error<DeviceErrorCode> {}

/** The caller's `AbortSignal` fired; `cause` is the signal's reason. */
export class AbortedError extends W4A16Error<"W4A16_ABORTED"> {
  constructor(subject: string, signal: AbortSignal) {
    super({
      code: "W4A16_ABORTED",
      subject,
      expected: "to run to its end",
      received: "an abort",
      fix: "Call again without aborting the signal.",
      cause: signal.reason,
    });
    // The name platform code looks for when it tells an abort from a failure.
    this.name = "AbortError";
  }
}

/** Throws {@link AbortedError} if `signal` has fired. */
export function throwIfAborted(subject: string, signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AbortedError(subject, signal);
}
