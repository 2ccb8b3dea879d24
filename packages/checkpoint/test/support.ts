/** Small checkpoints for tests, in a folder of their own. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Int4Weight } from "@w4a16/core";
import { randomInt4Weight, seededRandom } from "@w4a16/reference/testing";
import { afterAll } from "vitest";
import { encodeFloats, type FloatDType } from "../src/floats.js";
import { layoutGguf } from "../src/gguf/encode.js";
import { type FileLayout, layoutSafetensors } from "../src/safetensors/encode.js";

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
