/** A device's tuned kernels: those it found in the cache file, and those it measures. */
import { createRequire } from "node:module";
import type { CudaDevice } from "../device.js";
import { addKernels, readKernels, type TunedKernel } from "./cache.js";
import { KernelChoices } from "./choices.js";
import { parseProductKey, productKey } from "./products.js";
import { type TuneOptions, type TuneResult, tuneProducts } from "./tune.js";

/** What {@link Tuning.tune} did. */
export interface TuneReport {
  /** Of the products that were measured in the time given, in the order of measuring. */
  readonly results: readonly TuneResult[];
  /** Where the results are kept; undefined where they are not: no file is wanted, or `problem` says why. */
  readonly file: string | undefined;
  /** Why the results could not be kept. */
  readonly problem: string | undefined;
}

/** What a device knows of the fastest kernels: `device.tuning`. */
export class Tuning {
  #loaded = 0;
  #problem: string | undefined;
  readonly #choices: KernelChoices;
  /** Settles once the last call of `tune` has ended. */
  #last: Promise<unknown> = Promise.resolve();

  /** @internal */
  constructor(
    private readonly device: CudaDevice,
    /** The cache file; undefined: nothing is read or kept. */
    readonly file: string | undefined,
    private readonly driver: string,
  ) {
    this.#choices = new KernelChoices(device);
  }

  /** How many products use a kernel that was measured, by an earlier process, to be the fastest. */
  get loaded(): number {
    return this.#loaded;
  }

  /** Why the cache file, or a part of it, was left out; undefined where all was well, or there is none. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Uses what the cache file holds for this device, driver and version. Never throws on what it holds. */
  async load(): Promise<void> {
    if (this.file === undefined) return;
    const { kernels, problem } = await readKernels(this.file, this.#key());
    this.#problem = problem;
    for (const [key, tuned] of Object.entries(kernels)) {
      if (this.#use(key, tuned)) this.#loaded++;
    }
  }

  /** Measures `shapes`, after what an earlier call still measures: each would disturb the other. */
  tune(shapes: unknown, options: TuneOptions = {}): Promise<TuneReport> {
    const report = this.#last.then(() => this.#tune(shapes, options));
    this.#last = report.catch(() => {});
    return report;
  }

  async #tune(shapes: unknown, options: TuneOptions): Promise<TuneReport> {
    const results: TuneResult[] = [];
    let problem: string | undefined;
    let kept: string | undefined;
    try {
      await tuneProducts(this.device, this.#choices, shapes, options, (result) =>
        results.push(result),
      );
    } finally {
      // What was measured before an abort is kept too.
      if (this.file !== undefined && results.length > 0) {
        const entries = results.map((result) => [productKey(result), entryOf(result)]);
        try {
          await addKernels(this.file, this.#key(), Object.fromEntries(entries));
          kept = this.file;
        } catch (error) {
          problem = (error as Error).message;
        }
      }
    }
    return { results, file: kept, problem };
  }

  #use(key: string, { kernel }: TunedKernel): boolean {
    const product = parseProductKey(key);
    if (!product) return false;
    try {
      return this.#choices.use(product, kernel);
    } catch {
      return false; // sizes that no weight has
    }
  }

  /** What a measurement is valid for. */
  #key(): string {
    const { name, major, minor, multiprocessors } = this.device.info;
    return `${name}, sm_${major}${minor}, ${multiprocessors} multiprocessors; driver ${this.driver}; version ${packageVersion()}`;
  }
}

function entryOf({ kernel, microseconds, untuned }: TuneResult): TunedKernel {
  return { kernel, microseconds, untuned };
}

function packageVersion(): string {
  const require = createRequire(import.meta.url);
  return (require("@w4a16/cuda-kernel/package.json") as { version: string }).version;
}
