/**
 * The part of protobuf's wire format that an ONNX model needs: variable-length
 * integers (wire type 0) and length-delimited fields (wire type 2).
 */

/** An encoded field, or a list of them. */
export type Field = Uint8Array;

/** Field `number` as a variable-length integer, for the int32, int64 and enum types; value ≥ 0. */
export function integerField(number: number, value: number): Field {
  return join([varint(number * 8), varint(value)]);
}

/** Field `number` as UTF-8 text. */
export function textField(number: number, value: string): Field {
  return bytesField(number, new TextEncoder().encode(value));
}

/** Field `number` as a nested message of `fields`. */
export function messageField(number: number, ...fields: Field[]): Field {
  return bytesField(number, join(fields));
}

/** Field `number` as raw bytes. */
export function bytesField(number: number, value: Uint8Array): Field {
  return join([varint(number * 8 + 2), varint(value.length), value]);
}

/** Fields one after another: a message. */
export function join(fields: readonly Field[]): Field {
  const bytes = new Uint8Array(fields.reduce((total, field) => total + field.length, 0));
  let at = 0;
  for (const field of fields) {
    bytes.set(field, at);
    at += field.length;
  }
  return bytes;
}

/** Seven bits to a byte, the lowest first; the top bit says that more follow. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  // Divisions and not shifts: a length may exceed 2³¹.
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}
