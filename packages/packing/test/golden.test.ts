import { describe, expect, test } from "vitest";
import { readGolden } from "../../../fixtures/golden.js";
import { packHqq, packLinear, packRowInterleave, unpackHqq, unpackLinear } from "../src/index.js";

/** Packings made by HQQ and PyTorch, byte for byte. */
describe.each(readGolden())("golden $name", ({ N, K, group_size, nbits, tensors }) => {
  const codes = tensors.q!.data as Uint8Array;

  const hqq = tensors[`hqq_${nbits}bit_${nbits === 3 ? "32" : "u8"}`];
  test("HQQ packing", () => {
    const shape = { rows: (N * K) / group_size, cols: group_size, bits: nbits };
    expect(packHqq(codes, shape)).toEqual(hqq!.data);
    expect(unpackHqq(hqq!.data as never, shape)).toEqual(codes);
  });

  const interleaved = tensors.row_interleave?.data as Uint8Array | undefined;
  if (!interleaved) return;
  test("row interleave", () => {
    expect(packLinear(codes, { outFeatures: N, inFeatures: K })).toEqual(interleaved);
    expect(unpackLinear(interleaved, { outFeatures: N, inFeatures: K })).toEqual(codes);
    const transposed = new Uint8Array(N * K);
    for (let n = 0; n < N; n++)
      for (let k = 0; k < K; k++) transposed[k * N + n] = codes[n * K + k]!;
    expect(packRowInterleave(transposed, { rows: K, cols: N })).toEqual(interleaved);
  });
});

test("the golden file has every packing", () => {
  const names = new Set(readGolden().flatMap(({ tensors }) => Object.keys(tensors)));
  for (const name of [
    "hqq_8bit_u8",
    "hqq_4bit_u8",
    "hqq_3bit_32",
    "hqq_2bit_u8",
    "row_interleave",
  ]) {
    expect(names).toContain(name);
  }
});
