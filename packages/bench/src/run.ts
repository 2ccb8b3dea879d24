/** Runs the suites a user asked for on one device, and gathers the results document. */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { openDevice } from "w4a16";
import { describePeer } from "./contenders/onnxruntime.js";
import { findPeer, installCommand, type PeerPackage } from "./contenders/peers.js";
import { peerPackagesOf } from "./contenders/registry.js";
import { measureCeiling } from "./floor/ceiling.js";
import { currentCommit, describeMachine } from "./machine.js";
import type { Reporter } from "./reporter.js";
import type { Ceiling, Measure, Results, Row } from "./results.js";
import type { Settings } from "./settings.js";
import { runMatmul } from "./suites/matmul.js";
import { runSmallSuite } from "./suites/small.js";

/** What {@link runBenchmarks} found. */
export interface RunOutcome {
  readonly results: Results;
  /** Products that were wrong, and so not timed. */
  readonly wrong: number;
  /** What ended the run before its end, with the results up to there. */
  readonly failure?: unknown;
}

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
  const packages = peerPackagesOf(device, settings.peers);
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
      noteMissingPeers(packages, reporter);
      const ceiling = await measureCeiling(device, settings.dtype, !settings.warm);
      if (ceiling) ceilings[device.backend] = ceiling;
      wrong = await runMatmul(context, ceiling, rows);
    }
  } catch (failure) {
    outcome = { failure };
  } finally {
    device.dispose();
  }
  const machine = { ...describeMachine(), peers: describePeers(packages, settings.warm), ceilings };
  const commit = currentCommit(dirname(fileURLToPath(import.meta.url)));
  const document = { schema: 1 as const, date, commit, machine, rows };
  const results = measures.length > 0 ? { ...document, measures } : document;
  return { results, wrong, ...outcome };
}

function noteMissingPeers(packages: readonly PeerPackage[], reporter: Reporter): void {
  const missing = packages.filter((name) => !findPeer(name));
  if (missing.length === 0) return;
  reporter.note(`not installed: ${missing.join(", ")}. To compare with them: ${installCommand()}`);
}

function describePeers(packages: readonly PeerPackage[], warm: boolean): Record<string, string> {
  const found = packages.map((name) => [name, describePeer(name, warm)]);
  return Object.fromEntries(found.filter(([, text]) => text !== undefined));
}
