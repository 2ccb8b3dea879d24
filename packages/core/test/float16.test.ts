import { Float16Array as LibraryFloat16Array } from "@petamoriken/float16";
import { describe, expect, test } from "vitest";
import {
  decodeFloat16,
  encodeFloat16,
  fromFloat16Bits,
  toFloat16Bits,
} from "../src/dtype/float16.js";

const ALL = Uint16Array.from({ length: 65536 }, (_, i) => i);
const VALUES = decodeFloat16(ALL);
/** The same 65,536 values by an independent implementation. */
const LIBRARY = new LibraryFloat16Array(ALL.buffer.slice(0));

describe("float16", () => {
  test("all 65,536 values decode as an independent library decodes them", () => {
    for (let bits = 0; bits < 65536; bits++) {
      if (!Object.is(VALUES[bits], LIBRARY[bits])) expect.fail(`bits ${bits}: ${VALUES[bits]}`);
      if (!Object.is(VALUES[bits], fromFloat16Bits(bits))) expect.fail(`one value: bits ${bits}`);
    }
  });

  test("all values encode to themselves; a NaN becomes quiet and keeps its payload", () => {
    const encoded = encodeFloat16(VALUES.map((value, i) => (Number.isNaN(value) ? i : value)));
    for (let bits = 0; bits < 65536; bits++) {
      if (Number.isNaN(VALUES[bits])) continue;
      if (encoded[bits] !== bits) expect.fail(`bits ${bits} became ${encoded[bits]}`);
    }
    expect(Number.isNaN(fromFloat16Bits(toFloat16Bits(Number.NaN)))).toBe(true);
  });

  test("around every value: the midpoint goes to even, a float32 step beside it to the nearest", () => {
    const word = new Uint32Array(1);
    const float = new Float32Array(word.buffer);
    const next = (value: number, step: number) => {
      float[0] = value;
      word[0] = word[0]! + step;
      return float[0]!;
    };
    // Positive finite values below the largest; negative ones mirror them.
    for (let bits = 0; bits < 0x7bff; bits++) {
      const middle = (VALUES[bits]! + VALUES[bits + 1]!) / 2;
      const even = bits & 1 ? bits + 1 : bits;
      for (const sign of [1, -1]) {
        const flag = sign < 0 ? 0x8000 : 0;
        if (toFloat16Bits(sign * middle) !== (even | flag)) expect.fail(`tie after ${bits}`);
        if (toFloat16Bits(sign * next(middle, -1)) !== (bits | flag)) expect.fail(`below ${bits}`);
        if (toFloat16Bits(sign * next(middle, 1)) !== ((bits + 1) | flag))
          expect.fail(`above ${bits}`);
      }
    }
  });

  test.each([
    [65504, 0x7bff],
    [65519.99, 0x7bff],
    [65520, 0x7c00],
    [-65520, 0xfc00],
    [1e30, 0x7c00],
    [Number.POSITIVE_INFINITY, 0x7c00],
    [Number.NEGATIVE_INFINITY, 0xfc00],
    [2 ** -24, 1],
    [2 ** -25, 0],
    [-(2 ** -25), 0x8000],
    [2 ** -25 * 1.001, 1],
    [1e-45, 0],
    [-0, 0x8000],
    // Doubles just beside a tie, which float32 would round onto it.
    [1 + 2 ** -11 + 2 ** -40, 0x3c01],
    [1 + 3 * 2 ** -11 - 2 ** -40, 0x3c01],
    [-(1 + 2 ** -11 + 2 ** -40), 0xbc01],
    [2 ** -25 + 2 ** -60, 1],
    [65520 - 2 ** -30, 0x7bff],
    [1e300, 0x7c00],
    [5e-324, 0],
  ])("%d becomes %d", (value, bits) => {
    expect(toFloat16Bits(value)).toBe(bits);
  });

  test("100,000 random float32 values round as the library rounds them", () => {
    const words = new Uint32Array(100_000);
    let state = 1;
    for (let i = 0; i < words.length; i++) {
      state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5;
      words[i] = state;
    }
    const values = new Float32Array(words.buffer);
    const expected = new LibraryFloat16Array(values);
    const actual = decodeFloat16(encodeFloat16(values));
    for (let i = 0; i < values.length; i++) {
      if (!Object.is(actual[i], expected[i])) expect.fail(`${values[i]} became ${actual[i]}`);
    }
  });
});
