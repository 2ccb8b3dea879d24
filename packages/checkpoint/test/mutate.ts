/** Seeded damage to files: what truncation, bit rot and an attacker do. */
import type { Random } from "@w4a16/reference/testing";

/** Numbers that sizes, offsets and counts go wrong with. */
const NUMBERS = [
  "-1",
  "0",
  "1",
  "7",
  "1.5",
  "255",
  "65536",
  "2147483647",
  "2147483648",
  "4294967295",
  "4294967296",
  "9007199254740991",
  "9007199254740993",
  "18446744073709551615",
  "1e308",
  "1e999",
  "-0",
  "null",
  "true",
  '"8"',
  "[]",
  "{}",
  `1${"0".repeat(400)}`,
];

/** Names that paths, lookups and dtypes go wrong with. */
const STRINGS = [
  "",
  "F64",
  "I32",
  "U8",
  "BF16",
  "F8_E4M3",
  "Q4_0",
  "toString",
  "__proto__",
  "constructor",
  "__metadata__",
  "../outside.safetensors",
  "..",
  "/etc/passwd",
  "/dev/zero",
  "a/../../outside.safetensors",
  "..\\\\outside.safetensors",
  "%2e%2e/outside.safetensors",
  "C:outside.safetensors",
  "outside.safetensors\\u0000.safetensors",
  "\\ud800",
  "gptq",
  "gptq_v2",
  "awq",
  "gemv",
  "torch.float16); __import__('os'",
  "A".repeat(5000),
];

const WORDS = [
  0n,
  1n,
  2n,
  7n,
  32n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];

function pick<T>(random: Random, list: readonly T[]): T {
  return list[random.integer(0, list.length - 1)]!;
}

/** A random match of `pattern` in `text`, replaced. */
function replaceOne(
  random: Random,
  text: string,
  pattern: RegExp,
  by: (match: string) => string,
): string {
  const matches = [...text.matchAll(pattern)];
  if (matches.length === 0) return text;
  const { index, 0: match } = pick(random, matches);
  return text.slice(0, index) + by(match) + text.slice(index + match.length);
}

/** Damages JSON, so that it may still be JSON. */
export function mutateJson(random: Random, text: string): string {
  const number = /-?\d+(\.\d+)?/g;
  const string = /"[^"\\]*"/g;
  const mutations: Array<() => string> = [
    () => replaceOne(random, text, number, () => pick(random, NUMBERS)),
    () =>
      replaceOne(random, text, number, (match) =>
        String(Number(match) + pick(random, [-8, -1, 1, 8])),
      ),
    () => replaceOne(random, text, string, () => `"${pick(random, STRINGS)}"`),
    () => replaceOne(random, text, string, () => pick(random, text.match(string) ?? ['""'])),
    // The same key twice.
    () =>
      replaceOne(
        random,
        text,
        /"[^"\\]*":(\d+|"[^"]*"|\{[^{}]*\})/g,
        (entry) => `${entry},${entry}`,
      ),
    () => replaceOne(random, text, /[[{]/g, (open) => open + "[".repeat(random.integer(1, 50_000))),
    () =>
      replaceOne(random, text, /[[{]/g, (open) => '{"a":'.repeat(random.integer(1, 5_000)) + open),
    () =>
      replaceOne(random, text, /[[\]{},:"]/g, () =>
        pick(random, ["", "[", "}", '"', ",", "\u0000"]),
      ),
    () => text.slice(0, random.integer(0, text.length)),
    () => replaceOne(random, text, /\{[^{}]*\}/g, () => pick(random, NUMBERS)),
  ];
  return pick(random, mutations)();
}

/** Damages bytes, mostly near the start, where headers are. */
export function mutateBytes(random: Random, bytes: Uint8Array, headerBytes: number): Uint8Array {
  const copy = bytes.slice();
  const end = random.uniform() < 0.8 ? Math.min(headerBytes, bytes.length) : bytes.length;
  const at = random.integer(0, Math.max(0, end - 1));
  const view = new DataView(copy.buffer);
  const mutations: Array<() => Uint8Array> = [
    () => copy.slice(0, at),
    () => Uint8Array.of(...copy, ...copy.subarray(0, random.integer(1, 64))),
    () => {
      for (let i = random.integer(1, 8); i > 0; i--) {
        copy[random.integer(0, end - 1)]! ^= 1 << random.integer(0, 7);
      }
      return copy;
    },
    () => {
      if (at + 8 <= copy.length) view.setBigUint64(at, pick(random, WORDS), true);
      return copy;
    },
    () => {
      if (at + 4 <= copy.length)
        view.setUint32(at, Number(pick(random, WORDS) & 0xffffffffn), true);
      return copy;
    },
    // A piece of the file somewhere else in it.
    () => {
      const from = random.integer(0, copy.length - 1);
      copy.copyWithin(at, from, from + random.integer(1, 64));
      return copy;
    },
  ];
  return pick(random, mutations)();
}

/** Damages a safetensors file: its JSON, the length before it, or any bytes. */
export function mutateSafetensors(random: Random, bytes: Uint8Array): Uint8Array {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (random.uniform() < 0.3) return mutateBytes(random, bytes, 8 + length);
  const text = new TextDecoder().decode(bytes.subarray(8, 8 + length));
  const header = new TextEncoder().encode(mutateJson(random, text));
  const file = new Uint8Array(8 + header.length + bytes.length - 8 - length);
  const stated = random.uniform() < 0.95 ? BigInt(header.length) : pick(random, WORDS);
  new DataView(file.buffer).setBigUint64(0, stated, true);
  file.set(header, 8);
  file.set(bytes.subarray(8 + length), 8 + header.length);
  return file;
}

/** A tensor of a well-formed file. */
interface Tensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: ArrayBufferView;
}

const BYTES: Record<string, number> = { U8: 1, I32: 4, U32: 4, F32: 4, F16: 2, BF16: 2, I64: 8 };

/**
 * Changes what a file says and keeps its container whole, so that damage gets
 * past the header: tensors missing, doubled, renamed, of another dtype or shape,
 * or full of other bytes.
 */
export function mutateTensors(random: Random, tensors: readonly Tensor[]): Tensor[] {
  const list = [...tensors];
  const at = random.integer(0, list.length - 1);
  const chosen = list[at]!;
  const { dtype, shape, data } = chosen;
  const bytes = new Uint8Array(
    data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength),
  );
  const change = (changes: Partial<Tensor>) => {
    list[at] = { ...chosen, ...changes };
  };
  const reshape = (newShape: number[], newDtype: string) => {
    const length = newShape.reduce((a, b) => a * b, 1) * (BYTES[newDtype] ?? 1);
    if (length > 2 ** 20 || BYTES[newDtype] === undefined) return;
    const resized = new Uint8Array(length);
    resized.set(bytes.subarray(0, length));
    change({ shape: newShape, dtype: newDtype, data: resized });
  };
  const mutations: Array<() => unknown> = [
    () => list.splice(at, 1),
    () =>
      list.push({
        ...chosen,
        name: `${chosen.name}${pick(random, [".weight", "2", ".qweight", ".W_q"])}`,
      }),
    () => {
      const name = chosen.name.replace(
        /[^.]*$/,
        pick(random, ["weight", "W_q", "qweight", "scales", "zero", "g_idx"]),
      );
      if (!list.some((other) => other.name === name)) change({ name });
    },
    () => reshape([...shape], pick(random, Object.keys(BYTES))),
    () =>
      reshape(
        shape.map((size) =>
          random.uniform() < 0.5 ? size : pick(random, [0, 1, 2, 3, 7, 16, 33]),
        ),
        dtype,
      ),
    () => reshape(pick(random, [[], [0], [0, 0], [1], [...shape].reverse(), [...shape, 1]]), dtype),
    () => change({ data: bytes.map(() => random.bits() & 255) }),
    () => change({ data: bytes.map((byte) => (random.uniform() < 0.05 ? random.bits() : byte)) }),
    () => change({ data: bytes.fill(pick(random, [0, 1, 127, 128, 255])) }),
  ];
  pick(random, mutations)();
  return list;
}
