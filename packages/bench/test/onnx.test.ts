import { randomInt4Weight, seededRandom } from "@w4a16/reference/testing";
import { describe, expect, it } from "vitest";
import { matMulNBitsModel } from "../src/onnx/model.js";
import { bytesField, integerField, messageField, textField } from "../src/onnx/protobuf.js";
import { toNBits, transpose, unsupportedByNBits, withIntegerZeros } from "../src/onnx/weight.js";

describe("protobuf", () => {
  // The examples of the format's own documentation: field 1 = 150, field 2 = "testing".
  it("writes variable-length integers, text and nested messages", () => {
    expect([...integerField(1, 150)]).toEqual([0x08, 0x96, 0x01]);
    expect([...textField(2, "testing")]).toEqual([
      0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67,
    ]);
    expect([...messageField(3, integerField(1, 150))]).toEqual([0x1a, 0x03, 0x08, 0x96, 0x01]);
  });

  it("writes field numbers above 15, empty fields, and integers beyond 2³¹", () => {
    expect([...integerField(20, 2)]).toEqual([0xa0, 0x01, 0x02]);
    expect([...bytesField(1, new Uint8Array())]).toEqual([0x0a, 0x00]);
    expect([...integerField(1, 2 ** 33)]).toEqual([0x08, 0x80, 0x80, 0x80, 0x80, 0x20]);
  });
});

describe("toNBits", () => {
  const weight = {
    outFeatures: 2,
    inFeatures: 6,
    groupSize: 2,
    signed: false,
    // [K/2, N]: byte (i, n) holds codes (n, 2i) and (n, 2i + 1).
    packed: Uint8Array.of(0x10, 0xa9, 0x32, 0xcb, 0x54, 0xed),
    scales: Float32Array.of(1, 2, 3, 4, 5, 6),
    zeros: Float32Array.of(0.4, 7.5, 8.6, -3, 20, 15),
  };

  it("puts the codes of an out-feature side by side, and parameters [N, K/G]", () => {
    const bits = toNBits(weight, "float");
    expect([...bits.codes]).toEqual([0x10, 0x32, 0x54, 0xa9, 0xcb, 0xed]);
    expect([...bits.scales]).toEqual([1, 3, 5, 2, 4, 6]);
    expect([...bits.zeros]).toEqual([...Float32Array.of(0.4, 8.6, 20, 7.5, -3, 15)]);
  });

  it("rounds zeros to codes, two to a byte, each out-feature from a new byte", () => {
    expect([...toNBits(weight, "integer").zeros]).toEqual([0x90, 0x0f, 0x08, 0x0f]);
    expect([...withIntegerZeros(weight).zeros]).toEqual([0, 8, 9, 0, 15, 15]);
  });

  it("says what MatMulNBits cannot hold", () => {
    expect(unsupportedByNBits(weight)).toMatch(/group sizes that are powers of two from 16, not 2/);
    expect(unsupportedByNBits({ ...weight, groupSize: 48 })).toMatch(/not 48/);
    expect(unsupportedByNBits({ ...weight, groupSize: 16 })).toBeUndefined();
    expect(unsupportedByNBits({ ...weight, groupSize: 16, signed: true })).toMatch(/u4/);
  });
});

it("transpose swaps rows and columns over more than one tile", () => {
  const rows = 70;
  const cols = 33;
  const matrix = Float32Array.from({ length: rows * cols }, (_, i) => i);
  const result = transpose(matrix, rows, cols);
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      expect(result[col * rows + row]).toBe(matrix[row * cols + col]);
    }
  }
});

it("a model is as long as its weights and little more", () => {
  const weight = randomInt4Weight(seededRandom(1), {
    outFeatures: 64,
    inFeatures: 128,
    groupSize: 32,
  });
  const bits = toNBits(weight, "integer");
  const payload = bits.codes.length + bits.scales.byteLength + bits.zeros.length;
  const model = matMulNBitsModel(bits, 4);
  expect(model.length).toBeGreaterThan(payload);
  expect(model.length).toBeLessThan(payload + 400);
});
