/** The errors of the product: what packing defines, and what devices add. */
import {
  ArgumentError,
  type ArgumentErrorCode,
  describeValue,
  W4A16Error,
} from "@w4a16/packing/errors";

export {
  ArgumentError,
  type ArgumentErrorCode,
  describeValue,
  type ErrorDetails,
  isW4A16Error,
  requireBoolean,
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

/**
 * Throws {@link AbortedError} if `signal` has fired, and `W4A16_INVALID_TYPE` if it
 * is anything that never could: whoever listens to it would fail later, halfway.
 */
export function throwIfAborted(subject: string, signal: AbortSignal | undefined): void {
  if (signal === undefined) return;
  if (!(signal instanceof AbortSignal)) {
    throw new ArgumentError({
      code: "W4A16_INVALID_TYPE",
      subject: "signal",
      expected: "an AbortSignal",
      received: describeValue(signal),
      fix: "Pass the `signal` of an AbortController, or omit it.",
    });
  }
  if (signal.aborted) throw new AbortedError(subject, signal);
}

/** Checks that `value` can be called. Throws `W4A16_INVALID_TYPE`. */
export function requireFunction(
  subject: string,
  value: unknown,
  fix: string = "Pass a function.",
): void {
  if (typeof value === "function") return;
  throw new ArgumentError({
    code: "W4A16_INVALID_TYPE",
    subject,
    expected: "a function",
    received: describeValue(value),
    fix,
  });
}

/** Checks a value that is one of a few names. Throws `code`, by default `W4A16_INVALID_VALUE`. */
export function requireName<Name extends string>(
  subject: string,
  value: unknown,
  names: readonly Name[],
  code: ArgumentErrorCode = "W4A16_INVALID_VALUE",
): Name {
  if (names.includes(value as Name)) return value as Name;
  throw new ArgumentError({
    code,
    subject,
    expected: names.join(", "),
    received: describeValue(value),
    fix: "Pass one of these names.",
  });
}

/** As {@link requireFunction}, for a callback that may be omitted. */
export function requireCallback(subject: string, value: unknown): void {
  if (value !== undefined) requireFunction(subject, value, "Pass a function, or omit it.");
}
