/** Safetensors checkpoints: one file, or shards named by an index, read tensor by tensor. */
import { basename, dirname, join } from "node:path";
import { CheckpointError, clip, invalid } from "../errors.js";
import { RandomAccessFile, readSmallFile } from "../io/file.js";
import { KIND_BYTES, refuseOtherKind } from "../io/kind.js";
import { parseStrictJson, requireObject } from "../io/strict-json.js";
import { type TensorInfo, type TensorStore, tensorNotFound } from "../store.js";
import { headerLength, parseHeader, type SafetensorsHeader } from "./header.js";

interface Shard extends SafetensorsHeader {
  readonly file: RandomAccessFile;
  /** Where the data begin in the file. */
  readonly base: number;
}

/** An index of shards is a list of names: this holds a million, and is as much as a header has. */
const MAX_INDEX_BYTES = 100_000_000;
const MAX_SHARDS = 10_000;

class SafetensorsStore implements TensorStore {
  readonly container = "safetensors";
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly files: readonly string[];
  readonly #places: ReadonlyMap<string, Shard>;

  constructor(
    readonly path: string,
    private readonly shards: readonly Shard[],
    places: ReadonlyMap<string, Shard>,
    index?: string,
  ) {
    this.#places = places;
    const files = shards.map(({ file }) => file.path);
    this.files = index === undefined ? files : [index, ...files];
    this.metadata = new Map(shards.flatMap(({ metadata }) => [...metadata]));
    this.tensors = new Map(
      [...places].map(([name, shard]) => [name, shard.tensors.get(name) as TensorInfo]),
    );
  }

  async read(name: string): Promise<Uint8Array> {
    const shard = this.#places.get(name);
    const entry = shard?.tensors.get(name);
    if (!shard || !entry) throw tensorNotFound(this, name);
    return shard.file.read(shard.base + entry.begin, entry.byteLength);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.shards.map(({ file }) => file[Symbol.asyncDispose]()));
  }
}

/** Opens one file. */
export async function openSafetensors(path: string): Promise<TensorStore> {
  const shard = await openShard(path);
  const places = new Map([...shard.tensors.keys()].map((name) => [name, shard]));
  return new SafetensorsStore(path, [shard], places);
}

/** Opens a checkpoint by its `model.safetensors.index.json`. */
export async function openSharded(indexPath: string): Promise<TensorStore> {
  const weightMap = await readIndex(indexPath);
  const shards = new Map<string, Shard>();
  try {
    const places = new Map<string, Shard>();
    for (const [tensor, name] of weightMap) {
      let shard = shards.get(name);
      if (!shard) {
        shard = await openShard(join(dirname(indexPath), name));
        shards.set(name, shard);
      }
      if (!shard.tensors.has(tensor)) {
        throw invalid(
          "W4A16_INVALID_CHECKPOINT",
          `${indexPath}: ${clip(tensor)}`,
          `a tensor of ${clip(name)}`,
          "no such tensor there",
          "Fetch the index and its shards again, together.",
        );
      }
      places.set(tensor, shard);
    }
    return new SafetensorsStore(dirname(indexPath), [...shards.values()], places, indexPath);
  } catch (error) {
    await Promise.all([...shards.values()].map(({ file }) => file[Symbol.asyncDispose]()));
    throw error;
  }
}

async function openShard(path: string): Promise<Shard> {
  const file = await RandomAccessFile.open(path);
  try {
    const name = basename(path);
    refuseOtherKind(path, await file.read(0, Math.min(KIND_BYTES, file.size)));
    if (file.size < 10) {
      throw invalid("W4A16_INVALID_SAFETENSORS", name, "at least 10 bytes", `${file.size} bytes`);
    }
    const length = headerLength(await file.read(0, 8), file.size, name);
    const base = 8 + length;
    return { file, base, ...parseHeader(await file.read(8, length), file.size - base, name) };
  } catch (error) {
    await file[Symbol.asyncDispose]();
    throw error;
  }
}

/** The index's weight_map, tensor name → shard name, every shard name checked. */
async function readIndex(path: string): Promise<Map<string, string>> {
  const code = "W4A16_INVALID_CHECKPOINT";
  const root = requireObject(
    parseStrictJson(await readSmallFile(path, MAX_INDEX_BYTES), { subject: path, code }),
    path,
    code,
  );
  const weightMap = new Map<string, string>();
  const shards = new Set<string>();
  for (const [tensor, shard] of requireObject(
    root.get("weight_map"),
    `${path}: weight_map`,
    code,
  )) {
    weightMap.set(tensor, requireShardName(shard, path));
    shards.add(shard as string);
  }
  if (shards.size <= MAX_SHARDS) return weightMap;
  throw invalid(code, `${path}: weight_map`, `at most ${MAX_SHARDS} shards`, `${shards.size}`);
}

/** A shard is a plain file name beside the index: no folder, no way out of this one. */
function requireShardName(name: unknown, index: string): string {
  const plain =
    typeof name === "string" &&
    name.length <= 255 &&
    /^[\p{L}\p{N}_][\p{L}\p{N}._@+=, -]*$/u.test(name) &&
    name.endsWith(".safetensors");
  if (plain) return name as string;
  throw new CheckpointError({
    code: "W4A16_UNSAFE_PATH",
    subject: `${index}: weight_map`,
    expected: "the plain name of a .safetensors file beside the index",
    received: clip(name),
    fix: "Do not trust this checkpoint: a shard must lie in its own folder.",
  });
}
