/** The suites beside matmul: each is a list of things to time, or to weigh. */
import type { Measure, Unit } from "../results.js";
import type { Suite } from "../settings.js";
import { summarize } from "../timing/statistics.js";
import { callCases } from "./call.js";
import type { SuiteContext } from "./context.js";
import { loadCases } from "./load.js";
import { memoryCases } from "./memory.js";
import { packCases } from "./pack.js";
import { quantizeCases } from "./quantize.js";

/** One thing to measure, prepared. */
export interface Case {
  readonly name: string;
  readonly unit: Unit;
  /** Samples in the unit; takes about a second. */
  sample(signal: AbortSignal): Promise<readonly number[]>;
}

const CASES: Record<Exclude<Suite, "matmul">, (context: SuiteContext) => AsyncIterable<Case>> = {
  quantize: quantizeCases,
  pack: packCases,
  load: loadCases,
  memory: memoryCases,
  call: callCases,
};

/** Adds to `measures` as they are taken. */
export async function runSmallSuite(
  suite: Exclude<Suite, "matmul">,
  context: SuiteContext,
  measures: Measure[],
): Promise<void> {
  const { reporter, signal } = context;
  reporter.begin(suite, 0);
  try {
    for await (const { name, unit, sample } of CASES[suite](context)) {
      if (signal.aborted) break;
      reporter.step(name);
      const samples = await sample(signal);
      if (samples.length === 0) continue;
      const measure = { suite, name, unit, ...summarize(samples) };
      measures.push(measure);
      reporter.measure(measure);
    }
  } finally {
    reporter.end();
  }
}
