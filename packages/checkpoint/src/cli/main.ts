#!/usr/bin/env node
/**
 * The `w4a16` command. Exit codes: 0 done, 1 failed, 2 wrong command line.
 */
import { isW4A16Error } from "@w4a16/core";
import {
  type CommandDef,
  defineCommand,
  renderUsage,
  runCommand,
  type SubCommandsDef,
} from "citty";
import { convert } from "./convert.js";
import { info } from "./info.js";
import { inspect } from "./inspect.js";
import { printJson } from "./output.js";
import { quantize } from "./quantize.js";
import { verify } from "./verify.js";
import { version } from "./version.js";

const subCommands: SubCommandsDef = { quantize, inspect, convert, verify, info };

const main = defineCommand({
  meta: { name: "w4a16", version, description: "Int4 weights: quantize, inspect, convert, verify" },
  subCommands,
});

run(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});

async function run(argv: string[]): Promise<number> {
  const [name, ...rest] = argv;
  const command = Object.hasOwn(subCommands, name ?? "")
    ? (subCommands[name!] as CommandDef)
    : undefined;
  const end = argv.indexOf("--");
  const flags = end < 0 ? argv : argv.slice(0, end);
  const json = flags.includes("--json");
  if (flags.includes("--help") || flags.includes("-h") || name === "help" || name === undefined) {
    console.log(await renderUsage(command ?? main, command ? main : undefined));
    return name === undefined ? 2 : 0;
  }
  if (name === "--version" || name === "-v") {
    console.log(version);
    return 0;
  }
  if (!command) {
    const names = Object.keys(subCommands).join(", ");
    return fail(`command: expected ${names}, received ${JSON.stringify(name)}.`, 2, json);
  }
  try {
    await runCommand(command, { rawArgs: rest });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (isW4A16Error(error)) {
      return fail(error.message, error.code === "W4A16_USAGE" ? 2 : 1, json, error);
    }
    // The parser's own complaints: a positional that is missing, a flag without its value.
    if ((error as Error)?.name === "CLIError") return fail((error as Error).message, 2, json);
    return fail((error as Error)?.stack ?? String(error), 1, json, error);
  }
}

/** Reports a failure, on one line if it is an expected one. */
function fail(message: string, code: number, json: boolean, error?: unknown): number {
  if (json) {
    const details = isW4A16Error(error)
      ? {
          code: error.code,
          subject: error.subject,
          expected: error.expected,
          received: error.received,
          fix: error.fix,
        }
      : {};
    printJson({ error: { message, ...details } });
  } else console.error(`w4a16: ${message}`);
  return code;
}
