/** Arguments of the command line, checked to the last one: exit code 2 where they are wrong. */
import { parseArgs } from "node:util";
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

/**
 * What was given to a command. Each method throws `W4A16_USAGE`, and so does the
 * constructor: on an unknown option, an option without its value, a flag with
 * one, and positional arguments that are missing or too many.
 */
export class Arguments {
  readonly #definitions: ArgsDef;
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #positionals: ReadonlyMap<string, string>;

  constructor(definitions: ArgsDef, rawArgs: readonly string[]) {
    this.#definitions = definitions;
    const { values, positionals } = parse(definitions, rawArgs);
    const names = Object.keys(definitions).filter((name) => !isOption(definitions, name));
    if (positionals.length !== names.length) {
      const expected = names.map((name) => name.toUpperCase()).join(" ") || "no argument";
      throw usageError("arguments", expected, positionals.join(" ") || "nothing");
    }
    this.#values = values;
    this.#positionals = new Map(names.map((name, i) => [name, positionals[i]!]));
  }

  /** An argument that is not an option. */
  positional(name: string): string {
    return this.#positionals.get(name)!;
  }

  /** Whether a flag was given. */
  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  /** Every value of an option that may be given more than once. */
  list(name: string): string[] {
    const values = (this.#values[name] as string[] | undefined) ?? [];
    if (values.includes("")) throw usageError(`--${name}`, "a value", '""');
    return values;
  }

  /** The value of an option, or its default. */
  text(name: string): string | undefined {
    const values = this.list(name);
    if (values.length > 1) throw usageError(`--${name}`, "one value", values.join(" and "));
    return values[0] ?? (this.#definitions[name]?.default as string | undefined);
  }

  /** A whole number of `least` to `most`. */
  integer(name: string, least: number, most = Number.MAX_SAFE_INTEGER): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (/^\d+$/.test(text) && least <= value && value <= most) return value;
    const upTo = most === Number.MAX_SAFE_INTEGER ? "" : ` and at most ${most}`;
    throw usageError(
      `--${name}`,
      `a whole number of at least ${least}${upTo}`,
      JSON.stringify(text),
    );
  }

  /** A number ≥ 0. */
  notNegative(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (text.trim() !== "" && value >= 0 && Number.isFinite(value)) return value;
    throw usageError(`--${name}`, "a number of at least 0", JSON.stringify(text));
  }

  /** One of a few names. */
  choice<Name extends string>(name: string, choices: readonly Name[]): Name {
    const text = this.text(name);
    if (choices.includes(text as Name)) return text as Name;
    throw usageError(`--${name}`, choices.join(", "), JSON.stringify(text) ?? "nothing");
  }
}

/** Node's own parser, its errors turned into ours. */
function parse(definitions: ArgsDef, rawArgs: readonly string[]) {
  const named = Object.keys(definitions).filter((name) => isOption(definitions, name));
  const options = Object.fromEntries(
    named.map((name) => {
      const flag = definitions[name]!.type === "boolean";
      return [name, { type: flag ? "boolean" : "string", multiple: !flag } as const];
    }),
  );
  try {
    return parseArgs({ args: [...rawArgs], options, allowPositionals: true, strict: true });
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") {
      const unknown = /'(.+?)'/s.exec(message)?.[1] ?? message;
      throw usageError("option", named.map((name) => `--${name}`).join(", "), unknown);
    }
    const option = /--?[\w-]+/.exec(message)?.[0] ?? message;
    // A flag with a value; or a value that is missing, or that looks like an option.
    if (options[option.slice(2)]?.type === "boolean") throw usageError(option, "no value", "one");
    const expected = `a value: ${option} VALUE, or ${option}=VALUE where it begins with a dash`;
    throw usageError(option, expected, "none");
  }
}

function isOption(definitions: ArgsDef, name: string): boolean {
  return definitions[name]?.type !== "positional";
}
