/** What the conversions of both 16-bit formats check. */
import { ArgumentError, describeValue, requireInstance, requireLength } from "../errors.js";
import { allocateOrThrow } from "../memory.js";

/**
 * Checks the arrays of a conversion, and gives the one to write into: `out`, or
 * a new one as long as `values`.
 */
export function conversionOutput<Out extends Float32Array | Uint16Array>(
  values: unknown,
  from: new (length: number) => Float32Array | Uint16Array,
  out: Out | undefined,
  to: { new (length: number): Out; readonly BYTES_PER_ELEMENT: number },
): Out {
  const { length } = requireInstance<Float32Array | Uint16Array>("values", values, [from]);
  if (out === undefined)
    return allocateOrThrow(length * to.BYTES_PER_ELEMENT, () => new to(length));
  requireLength("out", requireInstance("out", out, [to]), length, "as many as values");
  return out;
}

/** Checks that `value` is a number, NaN and infinities too. Throws `W4A16_INVALID_TYPE`. */
export function requireNumber(subject: string, value: unknown): number {
  if (typeof value === "number") return value;
  throw new ArgumentError({
    code: "W4A16_INVALID_TYPE",
    subject,
    expected: "a number",
    received: describeValue(value),
    fix: `Pass ${subject} as a number; arrays have functions of their own.`,
  });
}
