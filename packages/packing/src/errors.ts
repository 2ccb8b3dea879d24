/**
 * The error every package throws, and the argument checks they share.
 *
 * It lives here, in the one package with no dependency, because packing is the
 * lowest layer and already has failures to report; `@w4a16/core` re-exports it.
 */

/** Codes of errors caused by a wrong argument. They never change once released. */
export type ArgumentErrorCode =
  | "W4A16_INVALID_TYPE"
  | "W4A16_INVALID_VALUE"
  | "W4A16_INVALID_LENGTH"
  | "W4A16_INVALID_SHAPE"
  | "W4A16_INVALID_DTYPE"
  | "W4A16_INVALID_GROUP_SIZE"
  | "W4A16_ODD_IN_FEATURES"
  | "W4A16_CODE_OUT_OF_RANGE"
  | "W4A16_LOSSY_ZERO"
  | "W4A16_DAMAGED_ZEROS"
  | "W4A16_NON_FINITE_WEIGHT"
  | "W4A16_UNKNOWN_OPTION";

/** What an error says: the four parts a caller needs to mend the call. */
export interface ErrorDetails<Code extends string = string> {
  /** Stable identifier, for programs. */
  readonly code: Code;
  /** The argument, option or operation that failed. */
  readonly subject: string;
  readonly expected: string;
  readonly received: string;
  /** What to change so that it works. */
  readonly fix: string;
  readonly cause?: unknown;
}

const BRAND = Symbol.for("w4a16.error");

/** Base of every error the product throws; `code` tells them apart. */
export class W4A16Error<Code extends string = string> extends Error {
  readonly code: Code;
  readonly subject: string;
  readonly expected: string;
  readonly received: string;
  readonly fix: string;

  constructor(details: ErrorDetails<Code>) {
    const { code, subject, expected, received, fix, cause } = details;
    super(
      `${subject}: expected ${expected}, received ${received}. ${fix} [${code}]`,
      cause === undefined ? undefined : { cause },
    );
    this.name = new.target.name;
    this.code = code;
    this.subject = subject;
    this.expected = expected;
    this.received = received;
    this.fix = fix;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/**
 * Whether `error` is a {@link W4A16Error}, also when it comes from another copy
 * of the package (ESM beside CommonJS, two versions), where `instanceof` fails.
 */
export function isW4A16Error(error: unknown): error is W4A16Error {
  return typeof error === "object" && error !== null && BRAND in error;
}

/** A wrong argument: type, value, length, shape, dtype, group size or option name. */
export class ArgumentError extends W4A16Error<ArgumentErrorCode> {}

/** A short, one-line picture of a value for the `received` part of an error. */
export function describeValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  if (ArrayBuffer.isView(value)) {
    const length = "length" in value ? value.length : value.byteLength;
    return `${value.constructor.name}(${length})`;
  }
  if (Array.isArray(value)) return `[${value.slice(0, 8).map(describeValue).join(", ")}]`;
  return `an object of class ${value.constructor?.name ?? "null"}`;
}

/** Checks that `value` is a safe integer ≥ `minimum`. Throws `W4A16_INVALID_VALUE`. */
export function requireInteger(subject: string, value: unknown, minimum: number): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= minimum) return value;
  throw new ArgumentError({
    code: "W4A16_INVALID_VALUE",
    subject,
    expected: `an integer of at least ${minimum}`,
    received: describeValue(value),
    fix: `Pass ${subject} as a whole number.`,
  });
}

/** Checks that an array holds exactly `length` elements. Throws `W4A16_INVALID_LENGTH`. */
export function requireLength(
  subject: string,
  array: { readonly length: number },
  length: number,
  shape: string,
): void {
  if (array.length === length) return;
  throw new ArgumentError({
    code: "W4A16_INVALID_LENGTH",
    subject,
    expected: `${length} elements, ${shape}`,
    received: `${array.length} elements`,
    fix: "Check the array against the shape given beside it.",
  });
}

/** Checks that `value` is one of the given classes. Throws `W4A16_INVALID_TYPE`. */
export function requireInstance<T>(
  subject: string,
  value: unknown,
  classes: ReadonlyArray<new (...args: never[]) => T>,
): T {
  for (const candidate of classes) if (value instanceof candidate) return value;
  const names = classes.map((candidate) => candidate.name).join(" or ");
  throw new ArgumentError({
    code: "W4A16_INVALID_TYPE",
    subject,
    expected: names,
    received: describeValue(value),
    fix: `Pass ${subject} as ${names}.`,
  });
}

/**
 * Checks that `options` is an object whose every key is known, so that a
 * misspelled option is an error and not a silent default.
 * Throws `W4A16_INVALID_TYPE` or `W4A16_UNKNOWN_OPTION`.
 */
export function requireOptions(
  subject: string,
  options: unknown,
  known: readonly string[],
): asserts options is object {
  if (typeof options !== "object" || options === null) {
    throw new ArgumentError({
      code: "W4A16_INVALID_TYPE",
      subject,
      expected: "an options object",
      received: describeValue(options),
      fix: `Pass an object with any of: ${known.join(", ")}.`,
    });
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    throw new ArgumentError({
      code: "W4A16_UNKNOWN_OPTION",
      subject,
      expected: `options among ${known.join(", ")}`,
      received: describeValue(name),
      fix: `Remove or respell the option ${describeValue(name)}.`,
    });
  }
}

/** Checks that K is even. Throws `W4A16_ODD_IN_FEATURES`. */
export function requireEvenInFeatures(inFeatures: number): void {
  if (inFeatures % 2 === 0) return;
  throw new ArgumentError({
    code: "W4A16_ODD_IN_FEATURES",
    subject: "inFeatures",
    expected: "an even number of in-features (K), two to a byte",
    received: String(inFeatures),
    fix: "Pad the weight and the activations with one zero column.",
  });
}
