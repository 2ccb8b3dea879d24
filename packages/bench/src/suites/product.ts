import type { Device, Direction } from "@w4a16/core";
import { seededRandom } from "@w4a16/reference/testing";
import type { Contender } from "../contenders/contender.js";
import { benchmarkOf } from "../device-hooks.js";
import { floorTime } from "../floor/ceiling.js";
import { activationByteCount, byteCount, operationCount, randomInputs } from "../problem/inputs.js";
import type { Ceiling, Cold, Row } from "../results.js";
import type { Shape } from "../shapes.js";
import { type Entrant, Entry } from "../timing/entrant.js";
import { timeEntrants } from "../timing/time.js";
import type { SuiteContext } from "./context.js";
import { type LoadedField, messageOf, rotationFor } from "./loaded-field.js";

/** One product: its contenders checked, then timed. */
export class Product {
  #wrong = 0;

  constructor(
    private readonly context: SuiteContext,
    private readonly loaded: LoadedField,
    private readonly own: Contender,
    private readonly shape: Shape,
    private readonly direction: Direction,
    private readonly ceiling: Ceiling | undefined,
  ) {}

  /** A row for each way to be cold, and how many contenders were wrong, and so not timed. */
  async measure(): Promise<{ readonly rows: readonly Row[]; readonly wrong: number }> {
    const { device, settings, reporter, signal } = this.context;
    const { dtype, groupSize, warm } = settings;
    const { shape, direction } = this;
    const inputs = randomInputs(seededRandom(shape.m), shape, direction, dtype);
    const bytes = byteCount(shape, groupSize, dtype);
    const activationBytes = activationByteCount(shape, dtype);
    const rotation = rotationFor(this.context, bytes - activationBytes, activationBytes);
    const entry = new Entry(inputs, rotation.activations);
    const entrants: Entrant[] = [];
    try {
      for (const contender of this.loaded.contenders) {
        const entrant = await this.#enter(contender, entry);
        if (entrant) entrants.push(entrant);
        // A wrong device is not timed, and neither is what would stand beside it.
        if (contender === this.own && !entrant?.check.ok) break;
        if (signal.aborted) break;
      }
      const own = entrants[0]!;
      const timed = own.check.ok ? entrants : [];
      const cold = coldMethods(device, warm);
      const rows: Row[] = [];
      for (const method of cold) {
        const times = await timeEntrants(timed, {
          device,
          cold: method,
          sweep: rotation.sweep,
          budgetMs: 1000 * settings.budget,
          signal,
          note: (text) => reporter.note(text),
        });
        rows.push({
          device: device.backend,
          deviceName: device.description,
          kernel: own.product.kernel,
          direction,
          dtype,
          ...shape,
          groupSize,
          cold: method,
          times,
          floor: this.ceiling ? floorTime(this.ceiling, operationCount(shape), bytes) : null,
          relativeError: Number.isFinite(own.relativeError) ? own.relativeError : null,
        });
      }
      return { rows, wrong: this.#wrong };
    } finally {
      for (const entrant of entrants) entrant.product.dispose();
    }
  }

  async #enter(contender: Contender, entry: Entry): Promise<Entrant | undefined> {
    const { reporter } = this.context;
    const loaded = await this.loaded.load(contender);
    if (!loaded) return undefined;
    let entrant: Entrant;
    try {
      entrant = await entry.enter(contender, loaded);
    } catch (error) {
      if (contender === this.own) throw error;
      reporter.note(`${contender.name}: ${messageOf(error)}`);
      return undefined;
    }
    if (entrant.check.ok) return entrant;
    this.#wrong++;
    const { m, n, k } = this.shape;
    const { relativeError, worstRow, bound } = entrant.check;
    reporter.note(
      `${contender.name} is WRONG and not timed: ${this.direction} M ${m}, N ${n}, K ${k}: relative error ${relativeError.toExponential(1)}, worst row ${worstRow.toExponential(1)}, allowed ${bound.toExponential(1)}`,
    );
    if (contender === this.own) return entrant;
    entrant.product.dispose();
    return undefined;
  }
}

/** How caches are made cold: as the device offers, or by taking turns over many operands. */
function coldMethods(device: Device, warm: boolean): readonly Cold[] {
  if (warm) return [false];
  const { time, coldMethods = ["written"] } = benchmarkOf(device);
  return time ? coldMethods : ["rotated"];
}
