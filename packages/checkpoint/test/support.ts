/** Small checkpoints for tests, in a folder of their own. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Int4Weight } from "@w4a16/core";
import { toAwq, toAwqZeros, toGptq, toGptqZeros } from "@w4a16/packing";
import { randomInt4Weight, seededRandom } from "@w4a16/reference/testing";
import { afterAll } from "vitest";
import { encodeFloats, type FloatDType } from "../src/floats.js";
import { layoutGguf } from "../src/gguf/encode.js";
import type { FileLayout, TensorSpec } from "../src/layout.js";
import { layoutSafetensors } from "../src/safetensors/encode.js";

/** A folder that is removed after the file's tests. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "w4a16-test-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface TestTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: ArrayBufferView;
}

export function tensor(
  name: string,
  dtype: string,
  shape: readonly number[],
  data: ArrayBufferView,
): TestTensor {
  return { name, dtype, shape, data };
}

export function floatTensor(
  name: string,
  shape: readonly number[],
  values: Float32Array,
  dtype: FloatDType = "F32",
): TestTensor {
  return tensor(name, dtype, shape, encodeFloats(values, dtype));
}

/** What a writer makes of a layer: its tensors' specs, and their bytes in the same order. */
export function tensorsOf(specs: readonly TensorSpec[], data: readonly Uint8Array[]): TestTensor[] {
  return specs.map((spec, i) => ({ ...spec, data: data[i]! }));
}

/** A layer as GPTQ tools store it, with float16 scales; `gIdx` where they store one. */
export function gptqTensors(
  name: string,
  { outFeatures: n, inFeatures: k, groupSize, packed, scales, zeros }: Int4Weight,
  version: 1 | 2,
  gIdx?: Int32Array,
): TestTensor[] {
  const shape = { outFeatures: n, inFeatures: k };
  const groups = k / groupSize;
  const qzeros = toGptqZeros(zeros, { groups, outFeatures: n, version });
  return [
    tensor(`${name}.qweight`, "I32", [k / 8, n], toGptq(packed, shape)),
    tensor(`${name}.qzeros`, "I32", [groups, n / 8], qzeros),
    floatTensor(`${name}.scales`, [groups, n], scales, "F16"),
    ...(gIdx ? [tensor(`${name}.g_idx`, "I32", [k], gIdx)] : []),
  ];
}

/** A layer as AutoAWQ stores it (GEMM), with float16 scales. */
export function awqTensors(
  name: string,
  { outFeatures: n, inFeatures: k, groupSize, packed, scales, zeros }: Int4Weight,
): TestTensor[] {
  const shape = { outFeatures: n, inFeatures: k };
  const groups = k / groupSize;
  return [
    tensor(`${name}.qweight`, "I32", [k, n / 8], toAwq(packed, shape)),
    tensor(`${name}.qzeros`, "I32", [groups, n / 8], toAwqZeros(zeros, { groups, outFeatures: n })),
    floatTensor(`${name}.scales`, [groups, n], scales, "F16"),
  ];
}

/** The bytes of a whole safetensors file. */
export function safetensorsBytes(
  tensors: readonly TestTensor[],
  metadata: Record<string, string> = {},
): Uint8Array {
  return fill(layoutSafetensors(tensors, metadata), tensors);
}

export function ggufBytes(
  tensors: readonly TestTensor[],
  metadata: Record<string, string> = {},
): Uint8Array {
  return fill(layoutGguf(tensors, metadata), tensors);
}

function fill(layout: FileLayout, tensors: readonly TestTensor[]): Uint8Array {
  const file = new Uint8Array(layout.size);
  file.set(layout.header);
  for (const { name, data } of tensors) {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    file.set(bytes, layout.places.get(name)!.offset);
  }
  return file;
}

/** Writes the file and gives its path. */
export function write(folder: string, name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** A weight whose scales are float16 numbers, so that formats with such scales lose nothing. */
export function halfWeight(
  seed: number,
  shape: { outFeatures: number; inFeatures: number; groupSize: number },
  zero: "real" | "whole" | "eight" = "real",
): Int4Weight {
  return randomInt4Weight(seededRandom(seed), {
    ...shape,
    scale: (random) => random.integer(1, 1024) / 2 ** 14,
    zero: (random) =>
      zero === "real"
        ? random.integer(0, 15 * 64) / 64
        : zero === "whole"
          ? random.integer(1, 15)
          : 8,
  });
}
