/** Strict JSON, and containers at their edges. */
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { convertCheckpoint, loadLinear, openCheckpoint } from "../src/index.js";
import { parseStrictJson } from "../src/io/strict-json.js";
import { w4a16Bytes, w4a16Metadata, w4a16Specs } from "../src/linear/w4a16.js";
import {
  floatTensor,
  ggufBytes,
  halfWeight,
  safetensorsBytes,
  temporaryFolder,
  tensor,
  write,
} from "./support.js";

const folder = temporaryFolder();
const options = { subject: "test", code: "W4A16_INVALID_JSON" } as const;

describe("strict JSON", () => {
  test("reads what JSON.stringify writes", () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 8 }),
        fc.integer({ min: 0, max: 2 }),
        (value, indent) => {
          const text = JSON.stringify(value, null, indent);
          expect(parseStrictJson(text, options)).toEqual(JSON.parse(text));
        },
      ),
    );
  });

  test("never does more than throw a typed error", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'{}[]":,\\u0a1 ') }), (text) => {
        let result: unknown;
        try {
          result = parseStrictJson(text, options);
        } catch (error) {
          expect(error).toMatchObject({ code: "W4A16_INVALID_JSON" });
          return;
        }
        expect(result).toEqual(JSON.parse(text));
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['{"a":1,"b":{"a":2},"a":3}', /a twice/],
    ['{"a":1,"\\u0061":3}', /a twice/],
    ["[[[[1]]]]", /nesting of at most 3/],
    ['{"a":', /well-formed/],
  ])("%s", (text, message) => {
    expect(() => parseStrictJson(text, { ...options, maxDepth: 3 })).toThrow(message);
  });

  test("bytes that are no UTF-8", () => {
    expect(() => parseStrictJson(Uint8Array.of(0x22, 0xff, 0x22), options)).toThrow(/UTF-8/);
  });
});

test("a GGUF header longer than the first read", async () => {
  const long = Object.fromEntries(
    Array.from({ length: 40 }, (_, i) => [`key${i}`, "x".repeat(60_000)]),
  );
  const values = Float32Array.of(1, 2, 3, 4);
  const path = write(
    folder,
    "long.gguf",
    ggufBytes([tensor("a.weight", "F32", [2, 2], values)], long),
  );
  await using checkpoint = await openCheckpoint(path);
  expect(checkpoint.store.metadata.get("key39")).toBe("x".repeat(60_000));
  const bytes = await checkpoint.store.read("a.weight");
  expect(new Float32Array(bytes.buffer)).toEqual(values);
});

describe("our own format", () => {
  const shape = { outFeatures: 8, inFeatures: 64, groupSize: 32 };
  const weight = { ...halfWeight(1, shape), signed: true };
  const file = (name: string, metadata: Record<string, string>) => {
    const specs = w4a16Specs("a", shape);
    const data = w4a16Bytes(weight);
    const tensors = specs.map((spec, i) => ({ ...spec, data: data[i]! }));
    return write(folder, name, safetensorsBytes(tensors, metadata));
  };
  const metadata = w4a16Metadata(new Map([["a", { signed: true, groupSize: 32 }]]));

  test("keeps signed codes, also through a conversion", async () => {
    const path = file("signed.safetensors", metadata);
    const copy = join(folder, "signed-copy.safetensors");
    await convertCheckpoint(path, copy, { to: "w4a16" });
    for (const each of [path, copy]) {
      await using checkpoint = await openCheckpoint(each);
      expect(await loadLinear(checkpoint, "a")).toEqual(weight);
    }
  });

  test.each([
    ["another version", { ...metadata, "w4a16.version": "2" }, /w4a16\.version.*newer w4a16/],
    ["no list of layers", { "w4a16.version": "1" }, /w4a16\.layers/],
    [
      "a layer that is not there",
      w4a16Metadata(new Map([["b", { signed: true, groupSize: 32 }]])),
      /b\.packed/,
    ],
    [
      "another group size",
      w4a16Metadata(new Map([["a", { signed: true, groupSize: 64 }]])),
      /groupSize 32/,
    ],
  ])("%s is refused", async (name, changed, message) => {
    await expect(openCheckpoint(file(`${name}.safetensors`, changed))).rejects.toThrow(message);
  });
});

test("a result that is awaited after closing says so", async () => {
  const path = write(
    folder,
    "closed.safetensors",
    safetensorsBytes([floatTensor("a.weight", [2, 2], new Float32Array(4))]),
  );
  const checkpoint = await openCheckpoint(path);
  await checkpoint.close();
  await checkpoint.close();
  await expect(checkpoint.store.read("a.weight")).rejects.toThrow(/a closed one.*return await/);
});
