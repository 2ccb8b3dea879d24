import { ArgumentError, describeValue } from "@w4a16/core";

/** The error for a value that a user typed and that cannot be used. */
export function invalidValue(
  subject: string,
  expected: string,
  received: unknown,
  fix: string,
): ArgumentError {
  return new ArgumentError({
    code: "W4A16_INVALID_VALUE",
    subject,
    expected,
    received: describeValue(received),
    fix,
  });
}
