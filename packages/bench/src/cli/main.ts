#!/usr/bin/env node
/** The command `w4a16-bench`. Exit codes: 0, 1 wrong or failed, 2 bad arguments, 130 interrupted. */
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { ArgumentError, isW4A16Error } from "@w4a16/core";
import { compareResults, renderComparison } from "../compare.js";
import { parseResults, type Results, ResultsError } from "../results.js";
import { runBenchmarks } from "../run.js";
import type { Settings } from "../settings.js";
import { type Command, HELP, parseCommand } from "./arguments.js";
import { createReporter } from "./progress.js";
import { renderResults } from "./tables.js";

// A reader that left early is no failure; a figure that was lost on a full disk is one.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", ({ code, message }: NodeJS.ErrnoException) => {
    if (code === "EPIPE") return;
    process.exitCode = 1;
    if (stream === process.stderr) return;
    process.stderr.write(`the output could not be written: ${message}\n`);
  });
}

main(process.argv.slice(2)).then((code) => {
  process.exitCode ||= code;
});

async function main(args: readonly string[]): Promise<number> {
  let command: Command;
  try {
    command = parseCommand(args);
  } catch (error) {
    return fail(error, 2);
  }
  try {
    switch (command.kind) {
      case "help":
        process.stdout.write(HELP);
        return 0;
      case "compare":
        return compare(command.files, command.threshold);
      case "run":
        return await run(command.settings);
    }
  } catch (error) {
    return fail(error, 1);
  }
}

async function run(settings: Settings): Promise<number> {
  const abort = new AbortController();
  const interrupt = () => {
    process.stderr.write("\ninterrupted: what was measured so far follows\n");
    abort.abort();
  };
  // Once: a second interrupt ends the process as usual.
  process.once("SIGINT", interrupt);
  const outcome = await runBenchmarks(settings, createReporter(), abort.signal);
  process.off("SIGINT", interrupt);
  const { results, wrong } = outcome;
  process.stdout.write(renderResults(results, settings.peers, process.stdout.columns));
  await write(settings, results);
  if ("failure" in outcome) return fail(outcome.failure, 1);
  if (abort.signal.aborted) return 130;
  return wrong > 0 ? 1 : 0;
}

async function write({ json, html }: Settings, results: Results): Promise<void> {
  if (json) writeWhole(json, `${JSON.stringify(results, null, 2)}\n`);
  if (!html) return;
  // Charts need a large library: only who asks for them waits for it.
  const { renderReport } = await import("../report/html.js");
  writeWhole(html, await renderReport(results));
}

/** Writes a file, or leaves none. */
function writeWhole(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (cause) {
    if (statSync(file, { throwIfNoEntry: false })?.isFile()) rmSync(file, { force: true });
    throw fileError(file, "written", "Name a file in another place.", cause);
  }
}

function compare([older, newer]: readonly [string, string], threshold: number): number {
  const comparison = compareResults(read(older), read(newer), threshold);
  process.stdout.write(renderComparison(comparison));
  // Nothing in common proves nothing.
  return comparison.regressions.length > 0 || comparison.compared === 0 ? 1 : 0;
}

function read(file: string): Results {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw fileError(file, "read", "Write one with --json FILE.", cause);
  }
  return parseResults(file, text);
}

function fileError(file: string, what: "read" | "written", fix: string, cause: unknown) {
  return new ResultsError({
    code: "W4A16_INVALID_RESULTS",
    subject: file,
    expected: `a file that can be ${what}`,
    received: (cause as Error).message,
    fix,
    cause,
  });
}

/** Prints what a user can mend in one line; anything else with its stack. */
function fail(error: unknown, code: number): number {
  const { code: errno, message, stack } = error as NodeJS.ErrnoException;
  const known = isW4A16Error(error) || typeof errno === "string";
  process.stderr.write(`${known ? message : (stack ?? error)}\n`);
  return error instanceof ArgumentError ? 2 : code;
}
