import { requireName } from "../errors.js";

/** The two products of a weight. */
export type Direction = "matmul" | "matmulTransposed";

/** Both products, the forward one first. */
export const DIRECTIONS: readonly Direction[] = ["matmul", "matmulTransposed"];

/** Checks that `direction` names a product. Throws `W4A16_INVALID_VALUE`. */
export function requireDirection(subject: string, direction: unknown): Direction {
  return requireName(subject, direction, DIRECTIONS);
}
