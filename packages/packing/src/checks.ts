/** Checks of arguments that every package shares; each throws an {@link ArgumentError}. */
import { ArgumentError, describeValue } from "./error.js";

/** Checks that `value` is a safe integer of `minimum` to `most`. Throws `W4A16_INVALID_VALUE`. */
export function requireInteger(
  subject: string,
  value: unknown,
  minimum: number,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  if (Number.isSafeInteger(value) && minimum <= (value as number) && (value as number) <= most) {
    return value as number;
  }
  const bounded = most < Number.MAX_SAFE_INTEGER;
  throw new ArgumentError({
    code: "W4A16_INVALID_VALUE",
    subject,
    expected: `an integer ${bounded ? `from ${minimum} to ${most}` : `of at least ${minimum}`}`,
    received: describeValue(value),
    fix: `Pass ${subject} as a whole number${bounded ? " in this range" : ""}.`,
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

/** Checks that a flag is a boolean. Throws `W4A16_INVALID_TYPE`. */
export function requireBoolean(subject: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw new ArgumentError({
    code: "W4A16_INVALID_TYPE",
    subject,
    expected: "true or false",
    received: describeValue(value),
    fix: `Pass ${subject} as a boolean.`,
  });
}

/**
 * Checks that `value` is an array of one of the given typed array classes, and not
 * a proxy of one or something that merely has its prototype. Throws `W4A16_INVALID_TYPE`.
 */
export function requireInstance<T extends ArrayBufferView>(
  subject: string,
  value: unknown,
  classes: ReadonlyArray<new (...args: never[]) => T>,
): T {
  if (ArrayBuffer.isView(value)) {
    for (const candidate of classes) if (value instanceof candidate) return value;
  }
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
