/** The error every package throws, and how it shows what it received. */

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
  /** What would have been right. */
  readonly expected: string;
  /** What was there instead, in one line. */
  readonly received: string;
  /** What to change so that it works. */
  readonly fix: string;
  /** What was thrown below, if that is why. */
  readonly cause?: unknown;
}

const BRAND = Symbol.for("w4a16.error");

/** Base of every error the product throws; `code` tells them apart. */
export class W4A16Error<Code extends string = string> extends Error {
  /** Stable identifier, for programs. */
  readonly code: Code;
  /** The argument, option or operation that failed. */
  readonly subject: string;
  /** What would have been right. */
  readonly expected: string;
  /** What was there instead, in one line. */
  readonly received: string;
  /** What to change so that it works. */
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

/** Most characters of a text that are shown: an error is one readable line. */
const MAX_TEXT = 120;
/** Most elements of an array that are shown. */
const MAX_ELEMENTS = 8;

/** A short, one-line picture of a value for the `received` part of an error. Never throws. */
export function describeValue(value: unknown): string {
  try {
    return describe(value, 2);
  } catch {
    // A revoked proxy, or a getter that throws.
    return "an object that cannot be looked into";
  }
}

/** @param depth how many arrays inside one another are shown; a cycle has no end. */
function describe(value: unknown, depth: number): string {
  if (typeof value === "string") return JSON.stringify(shorten(value));
  if (typeof value === "bigint") return shorten(`${value}n`);
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  if (ArrayBuffer.isView(value)) {
    const length = "length" in value ? value.length : value.byteLength;
    return `${value.constructor.name}(${length})`;
  }
  if (Array.isArray(value)) {
    if (depth === 0) return "[…]";
    const shown = value.slice(0, MAX_ELEMENTS).map((element) => describe(element, depth - 1));
    return `[${shown.join(", ")}${value.length > MAX_ELEMENTS ? ", …" : ""}]`;
  }
  return `an object of class ${shorten(`${value.constructor?.name ?? "null"}`)}`;
}

function shorten(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}
