/** The main suite: products, each checked and then timed beside its peers. */
import { type DType, type Int4Weight, type QuantizeShape, roundTo } from "@w4a16/core";
import { randomInt4Weight, seededRandom } from "@w4a16/reference/testing";
import { contendersOf } from "../contenders/registry.js";
import type { Ceiling, Row } from "../results.js";
import type { Shape } from "../shapes.js";
import type { SuiteContext } from "./context.js";
import { LoadedField } from "./loaded-field.js";
import { Product } from "./product.js";

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
            wrong += measured.wrong;
            for (const row of measured.rows) {
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
