#!/usr/bin/env node
/**
 * The `w4a16` command. Exit codes: 0 done, 1 failed, 2 wrong command line, 130 interrupted.
 */
import { stripVTControlCharacters } from "node:util";
import { isW4A16Error } from "@w4a16/core";
import { type CommandDef, defineCommand, renderUsage, type SubCommandsDef } from "citty";
import { usageError } from "./arguments.js";
import { convert } from "./convert.js";
import { info } from "./info.js";
import { inspect } from "./inspect.js";
import { printable, printJson } from "./output.js";
import { quantize } from "./quantize.js";
import { verify } from "./verify.js";
import { version } from "./version.js";

const subCommands: SubCommandsDef = { quantize, inspect, convert, verify, info };

const main = defineCommand({
  meta: { name: "w4a16", version, description: "Int4 weights: quantize, inspect, convert, verify" },
  subCommands,
});

/** A pipe that nobody reads any more is no failure; output that was lost on a full disk is one. */
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") return;
  console.error(`w4a16: the output could not be written: ${error.message}`);
  process.exitCode = 1;
});

run(process.argv.slice(2)).then((code) => {
  process.exitCode ||= code;
});

async function run(argv: string[]): Promise<number> {
  const end = argv.indexOf("--");
  const flags = end < 0 ? argv : argv.slice(0, end);
  const json = flags.includes("--json");
  // `help NAME` is `NAME --help`.
  const asksHelp = argv[0] === "help" || flags.includes("--help") || flags.includes("-h");
  const [name, ...rest] = argv[0] === "help" ? argv.slice(1) : argv;
  const known = name !== undefined && Object.hasOwn(subCommands, name);
  const command = known ? (subCommands[name] as CommandDef) : undefined;
  if (name === undefined || (asksHelp && (command || name.startsWith("-")))) {
    await printUsage(command);
    return asksHelp ? 0 : 2;
  }
  if (name === "--version" || name === "-v") {
    console.log(version);
    return 0;
  }
  try {
    if (!command) {
      throw usageError("command", Object.keys(subCommands).join(", "), JSON.stringify(name));
    }
    await command.run?.({ rawArgs: rest, args: {} as never, cmd: command });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return fail(error, json);
  }
}

async function printUsage(command: CommandDef | undefined): Promise<void> {
  const usage = await renderUsage(command ?? main, command ? main : undefined);
  console.log(process.stdout.isTTY ? usage : stripVTControlCharacters(usage));
}

/** Reports a failure, on one line if it is an expected one, and gives the exit code. */
function fail(error: unknown, json: boolean): number {
  if (!isW4A16Error(error)) {
    const message = (error as Error)?.stack ?? String(error);
    if (json) printJson({ error: { message } });
    else console.error(`w4a16: ${message}`);
    return 1;
  }
  const { message, code, subject, expected, received, fix } = error;
  // Only an interrupt aborts a command.
  const interrupted = code === "W4A16_ABORTED";
  if (json) printJson({ error: { message, code, subject, expected, received, fix } });
  else if (interrupted) console.error("w4a16: interrupted; the same command finishes the run");
  // A path or an argument may have line breaks, and an error is one line.
  else console.error(`w4a16: ${printable(message)}`);
  if (code === "W4A16_USAGE") return 2;
  return interrupted ? 130 : 1;
}
