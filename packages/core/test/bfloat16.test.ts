import { describe, expect, test } from "vitest";
import {
  decodeBFloat16,
  encodeBFloat16,
  fromBFloat16Bits,
  toBFloat16Bits,
} from "../src/dtype/bfloat16.js";
import { DTYPES, roundTo } from "../src/dtype/dtype.js";

const ALL = Uint16Array.from({ length: 65536 }, (_, i) => i);

describe("bfloat16", () => {
  test("all 65,536 values are the float32 with those upper bits", () => {
    const words = new Uint32Array(decodeBFloat16(ALL).buffer);
    for (let bits = 0; bits < 65536; bits++) {
      if (words[bits] !== (bits << 16) >>> 0) expect.fail(`bits ${bits}`);
      const one = fromBFloat16Bits(bits);
      if (!Object.is(one, decodeBFloat16(ALL.subarray(bits, bits + 1))[0])) expect.fail(`${bits}`);
    }
  });

  test("all values encode to themselves; a signalling NaN becomes quiet", () => {
    const encoded = encodeBFloat16(decodeBFloat16(ALL));
    for (let bits = 0; bits < 65536; bits++) {
      const isNaN16 = (bits & 0x7fff) > 0x7f80;
      if (encoded[bits] !== (isNaN16 ? bits | 0x40 : bits))
        expect.fail(`${bits}: ${encoded[bits]}`);
    }
  });

  test("between every two values: ties to even, the rest to the nearest", () => {
    const word = new Uint32Array(1);
    const float = new Float32Array(word.buffer);
    const round = (bits: number) => {
      word[0] = bits;
      return toBFloat16Bits(float[0]!);
    };
    for (let bits = 0; bits < 65536; bits++) {
      if ((bits & 0x7f80) === 0x7f80) continue;
      const up = bits + 1;
      if (round((bits << 16) | 0x8000) !== (bits & 1 ? up : bits)) expect.fail(`tie ${bits}`);
      if (round((bits << 16) | 0x7fff) !== bits) expect.fail(`below the tie ${bits}`);
      if (round((bits << 16) | 0x8001) !== up) expect.fail(`above the tie ${bits}`);
    }
  });

  test("arrays without elements, detached or in one buffer, convert to themselves", () => {
    const gone = new Float32Array(1);
    structuredClone(gone, { transfer: [gone.buffer] });
    expect(decodeBFloat16(new Uint16Array(0), gone)).toBe(gone);
    expect(encodeBFloat16(gone)).toHaveLength(0);
    for (const dtype of DTYPES) expect(roundTo(dtype, gone)).toEqual(new Float32Array(0));
    const { buffer } = new Uint16Array(6);
    const out = new Uint16Array(buffer, 4, 2);
    expect(encodeBFloat16(new Float32Array(buffer, 0, 1), out.subarray(0, 1))).toEqual(
      Uint16Array.of(0),
    );
    expect(decodeBFloat16(out.subarray(2), new Float32Array(buffer, 0, 0))).toHaveLength(0);
  });

  test.each([
    [Number.POSITIVE_INFINITY, 0x7f80],
    [Number.NEGATIVE_INFINITY, 0xff80],
    [3.4028234e38, 0x7f80],
    [1e-45, 0],
    [-0, 0x8000],
    // Doubles just beside a tie, which float32 would round onto it.
    [1 + 2 ** -8 + 2 ** -40, 0x3f81],
    [1 + 3 * 2 ** -8 - 2 ** -40, 0x3f81],
    [-(1 + 2 ** -8 + 2 ** -40), 0xbf81],
    [2 ** -134 + 2 ** -170, 1],
    [1e300, 0x7f80],
    [-5e-324, 0x8000],
  ])("%d becomes %d", (value, bits) => {
    expect(toBFloat16Bits(value)).toBe(bits);
  });
});
