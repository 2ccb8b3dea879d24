/** The main suite: products, each checked and then timed beside its peers. */
import {
  type Device,
  type Direction,
  type DType,
  type Int4Weight,
  type QuantizeShape,
  roundTo,
} from "@w4a16/core";
import { randomInt4Weight, seededRandom } from "@w4a16/reference/testing";
import { type Contender, type LoadedContender, MissingPeer } from "../contenders/contender.js";
import { contendersOf } from "../contenders/registry.js";
import { benchmarkOf } from "../device-hooks.js";
import { floorTime } from "../floor/ceiling.js";
import { activationByteCount, byteCount, operationCount, randomInputs } from "../problem/inputs.js";
import type { Ceiling, Cold, Row } from "../results.js";
import type { Shape } from "../shapes.js";
import { type Entrant, Entry } from "../timing/entrant.js";
import { ONE_COPY, type Rotation, rotate } from "../timing/rotation.js";
import { timeEntrants } from "../timing/time.js";
import type { SuiteContext } from "./context.js";

/**
 * Adds rows to `rows` as they are measured, so that what is there is kept
 * whatever happens next. Rows of one weight share what was loaded for it.
 *
 * @param ceiling undefined where it is not known.
 * @returns how many products were wrong, and so not timed.
 */
export async function runMatmul(
  context: SuiteContext,
  ceiling: Ceiling | undefined,
  rows: Row[],
): Promise<number> {
  const { device, settings, reporter, signal } = context;
  const { shapes, directions, dtype, peers, groupSize } = settings;
  let wrong = 0;
  const field = await contendersOf(device, dtype, peers);
  reporter.begin(`matmul on ${device.description}`, shapes.length * directions.length);
  try {
    for (const sameWeight of groupByWeight(shapes)) {
      const { n, k } = sameWeight[0]!;
      const weight = weightOf({ outFeatures: n, inFeatures: k, groupSize }, dtype);
      const loaded = new LoadedField([field.own, ...field.others], weight, context);
      try {
        for (const direction of directions) {
          for (const shape of sameWeight) {
            if (signal.aborted) return wrong;
            reporter.step(`${direction} M ${shape.m}, N ${n}, K ${k}`);
            const product = new Product(context, loaded, field.own, shape, direction, ceiling);
            const measured = await product.measure();
            wrong += product.wrong;
            for (const row of measured) {
              // An abort may come before a row's own time is there.
              if (signal.aborted && !row.times[field.own.name]) continue;
              rows.push(row);
              reporter.row(row);
            }
          }
        }
      } finally {
        await loaded.dispose();
      }
    }
  } finally {
    field.dispose();
    reporter.end();
  }
  return wrong;
}

/** A weight whose scales and zero points are numbers of `dtype`, as quantized checkpoints have them. */
function weightOf(shape: QuantizeShape, dtype: DType): Int4Weight {
  const weight = randomInt4Weight(seededRandom(shape.outFeatures + shape.inFeatures), shape);
  const [scales, zeros] = [roundTo(dtype, weight.scales), roundTo(dtype, weight.zeros)];
  return { ...weight, scales, zeros };
}

/** Contenders with one weight: each loads it when first asked, and stays out once it could not. */
class LoadedField {
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
    const bytes = weight.packed.byteLength + weight.scales.byteLength + weight.zeros.byteLength;
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

/** One product: its contenders checked, then timed. */
class Product {
  wrong = 0;

  constructor(
    private readonly context: SuiteContext,
    private readonly loaded: LoadedField,
    private readonly own: Contender,
    private readonly shape: Shape,
    private readonly direction: Direction,
    private readonly ceiling: Ceiling | undefined,
  ) {}

  async measure(): Promise<Row[]> {
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
      return rows;
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
    this.wrong++;
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

/** One copy of everything where runs are warm, or the device empties its caches itself. */
function rotationFor(
  { device, settings }: SuiteContext,
  weightBytes: number,
  activationBytes: number,
): Rotation {
  if (settings.warm || benchmarkOf(device).time) return ONE_COPY;
  return rotate(weightBytes, activationBytes);
}

function coldMethods(device: Device, warm: boolean): readonly Cold[] {
  if (warm) return [false];
  const { time, coldMethods = ["written"] } = benchmarkOf(device);
  return time ? coldMethods : ["rotated"];
}

/** Shapes with the same N and K together, in order of their first. */
function groupByWeight(shapes: readonly Shape[]): Shape[][] {
  const groups = new Map<string, Shape[]>();
  for (const shape of shapes) {
    const key = `${shape.n},${shape.k}`;
    const group = groups.get(key);
    if (group) group.push(shape);
    else groups.set(key, [shape]);
  }
  return [...groups.values()];
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.split("\n")[0]! : String(error);
}
