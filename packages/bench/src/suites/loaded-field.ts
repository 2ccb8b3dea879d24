/** The contenders of one weight, each loaded when it is first asked for. */
import { type Int4Weight, weightByteLength } from "@w4a16/core";
import { type Contender, type LoadedContender, MissingPeer } from "../contenders/contender.js";
import { benchmarkOf } from "../device-hooks.js";
import { ONE_COPY, type Rotation, rotate } from "../timing/rotation.js";
import type { SuiteContext } from "./context.js";

/** A contender that could not load the weight stays out from then on. */
export class LoadedField {
  readonly #loaded = new Map<Contender, LoadedContender | undefined>();

  constructor(
    readonly contenders: readonly Contender[],
    readonly weight: Int4Weight,
    private readonly context: SuiteContext,
  ) {}

  async load(contender: Contender): Promise<LoadedContender | undefined> {
    if (!this.#loaded.has(contender)) this.#loaded.set(contender, await this.#open(contender));
    return this.#loaded.get(contender);
  }

  async dispose(): Promise<void> {
    for (const loaded of this.#loaded.values()) await loaded?.dispose();
  }

  async #open(contender: Contender): Promise<LoadedContender | undefined> {
    const { settings, reporter } = this.context;
    const { warm } = settings;
    const { weight } = this;
    const bytes = weightByteLength(weight);
    const copies = rotationFor(this.context, bytes, bytes).weights;
    try {
      return await contender.load({ weight, copies, warm });
    } catch (error) {
      // A device's own failure is the run's; a peer's leaves its column blank.
      if (contender === this.contenders[0]) throw error;
      if (!(error instanceof MissingPeer)) reporter.note(`${contender.name}: ${messageOf(error)}`);
      return undefined;
    }
  }
}

/** One copy of everything where runs are warm, or the device empties its caches itself. */
export function rotationFor(
  { device, settings }: SuiteContext,
  weightBytes: number,
  activationBytes: number,
): Rotation {
  if (settings.warm || benchmarkOf(device).time) return ONE_COPY;
  return rotate(weightBytes, activationBytes);
}

/** The first line of what went wrong. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.split("\n")[0]! : String(error);
}
