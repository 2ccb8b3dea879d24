/** The command line: names, values and their one-line errors. */
import { closeSync, lstatSync, openSync, realpathSync, rmSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import {
  type ArgumentError,
  DIRECTIONS,
  type Direction,
  DTYPES,
  type DType,
  requireGroupSize,
} from "@w4a16/core";
import { DEVICE_NAMES } from "w4a16";
import { invalidValue } from "../invalid-value.js";
import { PEERS, type Settings, SUITES } from "../settings.js";
import { parseShapes, SHAPE_SETS } from "../shapes.js";
import { GROUPED_SUITES, K } from "../suites/sizes.js";

const OPTIONS = {
  device: { type: "string", default: "auto" },
  suite: { type: "string", default: "matmul,call" },
  shapes: { type: "string", default: "square" },
  dtype: { type: "string", default: "bfloat16" },
  "group-size": { type: "string", default: "128" },
  direction: { type: "string", default: "matmul" },
  peers: { type: "string", default: "all" },
  warm: { type: "boolean", default: false },
  budget: { type: "string", default: "1" },
  json: { type: "string" },
  html: { type: "string" },
  help: { type: "boolean", short: "h", default: false },
} as const;

const COMPARE_OPTIONS = {
  threshold: { type: "string", default: "0.1" },
  help: { type: "boolean", short: "h", default: false },
} as const;

export const HELP = `Correctness first, then time, beside what a user would pick instead.

  w4a16-bench [options]
    --device ${DEVICE_NAMES.join("|")}    where to run (auto: the best one present)
    --suite all|NAME,…    of ${SUITES.join(", ")}; default matmul,call
    --shapes ${SHAPE_SETS.join("|")}|"M,N,K;…"    default square: M 16 … 1024, N = K = 4096
    --dtype ${DTYPES.join("|")}    of the activations, default bfloat16
    --group-size G    default 128
    --direction matmul|matmulTransposed|both
    --peers all|none|NAME,…    of ${PEERS.join(", ")}; default all
    --warm    the same operands in every run (default: cold caches)
    --budget SECONDS    of timed runs for each contender in each row, default 1
    --json FILE, --html FILE    write the results, a report
  w4a16-bench compare OLD.json NEW.json [--threshold 0.1]
    what got faster or slower beyond noise; fails if ours got slower by more than the threshold
`;

export type Command =
  | { readonly kind: "help" }
  | { readonly kind: "run"; readonly settings: Settings }
  | {
      readonly kind: "compare";
      readonly files: readonly [string, string];
      readonly threshold: number;
    };

/** @throws ArgumentError whose message is one line and names the valid values. */
export function parseCommand(args: readonly string[]): Command {
  return args[0] === "compare" ? parseCompare(args.slice(1)) : parseRun(args);
}

function parseRun(args: readonly string[]): Command {
  const { values, positionals } = parse(args, OPTIONS);
  if (values.help) return { kind: "help" };
  if (positionals.length > 0) throw invalid("command", "compare, or none", positionals[0]);
  const shapes = parseShapes(values.shapes);
  const suites = someOf("--suite", values.suite, SUITES);
  const groupSize = number("--group-size", values["group-size"], 1);
  if (suites.some((suite) => GROUPED_SUITES.includes(suite))) requireGroupSize(groupSize, K);
  if (suites.includes("matmul")) for (const { k } of shapes) requireGroupSize(groupSize, k);
  requireApart(values.json, values.html);
  const direction = oneOf("--direction", values.direction, [...DIRECTIONS, "both"]);
  return {
    kind: "run",
    settings: {
      device: oneOf("--device", values.device, DEVICE_NAMES),
      suites,
      shapes,
      dtype: oneOf("--dtype", values.dtype, DTYPES) as DType,
      groupSize,
      directions: direction === "both" ? DIRECTIONS : [direction as Direction],
      peers: values.peers === "none" ? [] : someOf("--peers", values.peers, PEERS),
      warm: values.warm,
      budget: number("--budget", values.budget, 0.001),
      json: writable("--json", values.json),
      html: writable("--html", values.html),
    },
  };
}

function parseCompare(args: readonly string[]): Command {
  const { values, positionals } = parse(args, COMPARE_OPTIONS);
  if (values.help) return { kind: "help" };
  const [older, newer] = positionals;
  if (positionals.length !== 2) {
    throw invalid("compare", "two files, OLD.json NEW.json", `${positionals.length} files`);
  }
  const threshold = number("--threshold", values.threshold, 0);
  return { kind: "compare", files: [older!, newer!], threshold };
}

/** Node's own parser, its errors turned into ours. */
function parse<const Options extends typeof OPTIONS | typeof COMPARE_OPTIONS>(
  args: readonly string[],
  options: Options,
) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    const names = Object.keys(options)
      .map((name) => `--${name}`)
      .join(", ");
    if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") {
      throw invalid("option", names, /'([^']+)'/.exec(message)?.[1] ?? message);
    }
    // "Option '--json <value>' argument missing", and the like.
    throw invalid("option", `${names}, each with its value`, message.split("\n")[0]);
  }
}

function oneOf(subject: string, value: string, valid: readonly string[]): string {
  if (valid.includes(value)) return value;
  throw invalid(subject, valid.join(", "), value);
}

/** "all", or names with commas between them. */
function someOf<Name extends string>(
  subject: string,
  text: string,
  valid: readonly Name[],
): readonly Name[] {
  if (text === "all") return valid;
  return text.split(",").map((part) => {
    const name = part.trim() as Name;
    if (valid.includes(name)) return name;
    throw invalid(subject, `all, or some of ${valid.join(", ")}`, part);
  });
}

/** Checks that a file can be written before a run, and not when its results would be lost. */
function writable(subject: string, file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  // A link to a file that is not there yet is no new file: removed, it would be lost.
  const isNew = lstatSync(file, { throwIfNoEntry: false }) === undefined;
  try {
    closeSync(openSync(file, "a"));
    if (isNew) rmSync(file);
  } catch (error) {
    throw invalid(subject, "a file that can be written", (error as Error).message);
  }
  return file;
}

/** The report would replace the results; only a device or a pipe takes both. */
function requireApart(json: string | undefined, html: string | undefined): void {
  if (json === undefined || html === undefined) return;
  const [one, other] = [json, html].map((file) => {
    const found = statSync(file, { throwIfNoEntry: false });
    return found === undefined ? resolve(file) : found.isFile() ? realpathSync(file) : undefined;
  });
  if (one === undefined || one !== other) return;
  throw invalid("--html", "another file than --json", html);
}

function number(subject: string, text: string, least: number): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (Number.isFinite(value) && value >= least) return value;
  throw invalid(subject, `a number of at least ${least}`, text);
}

function invalid(subject: string, expected: string, received: unknown): ArgumentError {
  return invalidValue(subject, expected, received, "See --help.");
}
