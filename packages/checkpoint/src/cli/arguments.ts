/** Arguments of the command line, checked more strictly than the parser does. */
import type { ArgsDef } from "citty";
import { CheckpointError } from "../errors.js";

/** A wrong command line: exit code 2. */
export function usageError(subject: string, expected: string, received: string): CheckpointError {
  return new CheckpointError({
    code: "W4A16_USAGE",
    subject,
    expected,
    received,
    fix: "See --help.",
  });
}

/** Rejects options that the command does not have, and positionals beyond those it has. */
export function requireKnownArguments(
  definitions: ArgsDef,
  rawArgs: readonly string[],
  positionals: readonly string[],
): void {
  const named = Object.entries(definitions).filter(([, { type }]) => type !== "positional");
  const known = named.map(([name]) => `--${name}`);
  for (const argument of rawArgs) {
    if (argument === "--") break;
    if (!/^-{1,2}[a-z]/i.test(argument)) continue;
    const name = argument.replace(/=.*/s, "");
    if (!known.includes(name)) throw usageError("option", known.join(", "), name);
  }
  const places = Object.entries(definitions).filter(([, { type }]) => type === "positional");
  if (positionals.length > places.length) {
    const names = places.map(([name]) => name.toUpperCase()).join(" ") || "no argument";
    throw usageError("arguments", names, positionals.slice(places.length).join(" "));
  }
}

/** Every value of an option that may be given more than once. */
export function listArgument(rawArgs: readonly string[], name: string): string[] {
  const values: string[] = [];
  const flag = `--${name}`;
  for (const [i, argument] of rawArgs.entries()) {
    if (argument === "--") break;
    if (argument === flag && rawArgs[i + 1] !== undefined) values.push(rawArgs[i + 1]!);
    if (argument.startsWith(`${flag}=`)) values.push(argument.slice(flag.length + 1));
  }
  return values;
}

/** A whole number ≥ `least`. */
export function integerArgument(
  name: string,
  text: string | undefined,
  least: number,
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
  throw usageError(`--${name}`, `a whole number of at least ${least}`, JSON.stringify(text));
}

/** A number > 0. */
export function positiveArgument(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== "" && value > 0 && Number.isFinite(value)) return value;
  throw usageError(`--${name}`, "a number above 0", JSON.stringify(text));
}

/** One of a few names. */
export function choiceArgument<T extends string>(
  name: string,
  text: string,
  choices: readonly T[],
): T {
  if (choices.includes(text as T)) return text as T;
  throw usageError(`--${name}`, choices.join(", "), JSON.stringify(text));
}
