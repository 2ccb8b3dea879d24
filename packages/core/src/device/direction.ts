import { ArgumentError, describeValue } from "../errors.js";

/** The two products of a weight. */
export type Direction = "matmul" | "matmulTransposed";

export const DIRECTIONS: readonly Direction[] = ["matmul", "matmulTransposed"];

/** Checks that `direction` names a product. Throws `W4A16_INVALID_VALUE`. */
export function requireDirection(subject: string, direction: unknown): Direction {
  if (DIRECTIONS.includes(direction as Direction)) return direction as Direction;
  throw new ArgumentError({
    code: "W4A16_INVALID_VALUE",
    subject,
    expected: DIRECTIONS.join(" or "),
    received: describeValue(direction),
    fix: "Pass one of these names.",
  });
}
