/** Runs the suites a user asked for on one device, and gathers the results document. */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { openDevice } from "w4a16";
import { describePeer } from "./contenders/onnxruntime.js";
import { findPeer, installCommand, type PeerPackage } from "./contenders/peers.js";
import { measureCeiling } from "./floor/ceiling.js";
import { currentCommit, describeMachine } from "./machine.js";
import type { Reporter } from "./reporter.js";
import type { Ceiling, Measure, Results, Row } from "./results.js";
import type { Settings } from "./settings.js";
import { runMatmul } from "./suites/matmul.js";
import { runSmallSuite } from "./suites/small.js";

export interface RunOutcome {
  readonly results: Results;
  /** Products that were wrong, and so not timed. */
  readonly wrong: number;
  /** What ended the run before its end, with the results up to there. */
  readonly failure?: unknown;
}

const PACKAGES: readonly PeerPackage[] = ["onnxruntime-node", "onnxruntime-web"];

/**
 * Runs to the end, an abort or a failure; each gives what was measured so far.
 *
 * @throws DeviceError where a device asked for by name is not there.
 */
export async function runBenchmarks(
  settings: Settings,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<RunOutcome> {
  const date = new Date().toISOString();
  const device = await openDevice(settings.device, {
    onSkip: (name, { reason }) => reporter.note(`device ${name} is not here: ${reason}`),
  });
  const context = { device, settings, reporter, signal };
  const rows: Row[] = [];
  const measures: Measure[] = [];
  const ceilings: Record<string, Ceiling> = {};
  let wrong = 0;
  let outcome: { failure?: unknown } = {};
  try {
    for (const suite of settings.suites) {
      if (signal.aborted) break;
      if (suite !== "matmul") {
        await runSmallSuite(suite, context, measures);
        continue;
      }
      noteMissingPeers(settings, reporter);
      const ceiling = await measureCeiling(device, settings.dtype, !settings.warm);
      if (ceiling) ceilings[device.backend] = ceiling;
      wrong = await runMatmul(context, ceiling, rows);
    }
  } catch (failure) {
    outcome = { failure };
  } finally {
    device.dispose();
  }
  const machine = { ...describeMachine(), peers: describePeers(settings), ceilings };
  const commit = currentCommit(dirname(fileURLToPath(import.meta.url)));
  const document = { schema: 1 as const, date, commit, machine, rows };
  const results = measures.length > 0 ? { ...document, measures } : document;
  return { results, wrong, ...outcome };
}

/** The packages behind the peers asked for. */
function packagesOf({ peers }: Settings): PeerPackage[] {
  return PACKAGES.filter((name) =>
    peers.some((peer) =>
      name === "onnxruntime-web" ? peer === name : /^onnxruntime\d/.test(peer),
    ),
  );
}

function noteMissingPeers(settings: Settings, reporter: Reporter): void {
  const missing = packagesOf(settings).filter((name) => !findPeer(name));
  if (missing.length === 0) return;
  reporter.note(`not installed: ${missing.join(", ")}. To compare with them: ${installCommand()}`);
}

function describePeers(settings: Settings): Record<string, string> {
  const found = packagesOf(settings).map((name) => [name, describePeer(name, settings.warm)]);
  return Object.fromEntries(found.filter(([, text]) => text !== undefined));
}
