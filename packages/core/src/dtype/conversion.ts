/** What the conversions of both 16-bit formats check. */
import { ArgumentError, describeValue, requireInstance, requireLength } from "../errors.js";
import { allocateOrThrow } from "../memory.js";

/**
 * Checks the arrays of a conversion, and gives the one to write into: `out`, or
 * a new one as long as `values`. In shared memory, results would overwrite values
 * that are still to be read.
 *
 * @throws ArgumentError `W4A16_INVALID_TYPE`, `W4A16_INVALID_LENGTH`, or
 * `W4A16_INVALID_VALUE` if `out` shares bytes with `values`.
 * @throws DeviceError `W4A16_OUT_OF_MEMORY` if the runtime cannot allocate it.
 */
export function conversionOutput<Out extends Float32Array | Uint16Array>(
  values: unknown,
  from: new (length: number) => Float32Array | Uint16Array,
  out: Out | undefined,
  to: { new (length: number): Out; readonly BYTES_PER_ELEMENT: number },
): Out {
  const given = requireInstance<Float32Array | Uint16Array>("values", values, [from]);
  const { length } = given;
  if (out === undefined)
    return allocateOrThrow(length * to.BYTES_PER_ELEMENT, () => new to(length));
  requireLength("out", requireInstance("out", out, [to]), length, "as many as values");
  if (overlap(given, out)) {
    throw new ArgumentError({
      code: "W4A16_INVALID_VALUE",
      subject: "out",
      expected: "memory of its own",
      received: "bytes that values lie in",
      fix: "Pass an array of another buffer, or omit it.",
    });
  }
  return out;
}

function overlap(a: ArrayBufferView, b: ArrayBufferView): boolean {
  return (
    a.buffer === b.buffer &&
    a.byteOffset < b.byteOffset + b.byteLength &&
    b.byteOffset < a.byteOffset + a.byteLength
  );
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
