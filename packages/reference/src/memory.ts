/** What a device holds, kept apart from the handles so that it can be freed without them. */
import { allocateOrThrow, type DeviceMemory } from "@w4a16/core";

/** One block of a device's memory. */
export interface Block<Contents> {
  /** Gone once the block is freed: handles check that they are live before they look. */
  readonly contents: Contents;
  free(): void;
}

interface Entry {
  readonly kind: keyof DeviceMemory;
  readonly bytes: number;
  contents: unknown;
}

/** The blocks of one device. A block that becomes unreachable before it is freed is given back too. */
export class MemoryLedger {
  readonly #entries = new Set<Entry>();
  readonly #abandoned = new FinalizationRegistry<Entry>((entry) => this.#drop(entry));

  /**
   * Takes on a block of `bytes` bytes that `allocate` makes.
   *
   * @throws DeviceError `W4A16_OUT_OF_MEMORY` if the runtime cannot allocate it.
   */
  hold<Contents>(
    kind: keyof DeviceMemory,
    bytes: number,
    allocate: () => Contents,
  ): Block<Contents> {
    const entry = { kind, bytes, contents: allocateOrThrow(bytes, allocate) };
    this.#entries.add(entry);
    const block: Block<Contents> = {
      get contents() {
        return entry.contents;
      },
      free: () => {
        this.#abandoned.unregister(block);
        this.#drop(entry);
      },
    };
    this.#abandoned.register(block, entry, block);
    return block;
  }

  total(): DeviceMemory {
    const total = { weights: 0, tensors: 0 };
    for (const entry of this.#entries) total[entry.kind] += entry.bytes;
    return total;
  }

  freeAll(): void {
    for (const entry of this.#entries) this.#drop(entry);
  }

  #drop(entry: Entry): void {
    entry.contents = undefined;
    this.#entries.delete(entry);
  }
}
