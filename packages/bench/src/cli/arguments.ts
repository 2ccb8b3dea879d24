/** The command line: names, values and their one-line errors. */
import { parseArgs } from "node:util";
import {
  ArgumentError,
  type Direction,
  DTYPES,
  type DType,
  describeValue,
  requireGroupSize,
} from "@w4a16/core";
import { DEVICE_NAMES } from "../backends.js";
import { PEERS, type Peer, type Settings, SUITES, type Suite } from "../settings.js";
import { parseShapes, SHAPE_SETS } from "../shapes.js";

const OPTIONS = {
  device: { type: "string", default: "auto" },
  suite: { type: "string", default: "matmul" },
  shapes: { type: "string", default: "seed" },
  dtype: { type: "string", default: "bfloat16" },
  "group-size": { type: "string", default: "128" },
  direction: { type: "string", default: "matmul" },
  peers: { type: "string", default: "all" },
  warm: { type: "boolean", default: false },
  budget: { type: "string", default: "1.5" },
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
    --suite ${SUITES.join("|")}|all
    --shapes ${SHAPE_SETS.join("|")}|"M,N,K;…"    default seed: M 16 … 1024, N = K = 4096
    --dtype ${DTYPES.join("|")}    of the activations, default bfloat16
    --group-size G    default 128
    --direction matmul|matmulTransposed|both
    --peers all|none|NAME,…    of ${PEERS.join(", ")}
    --warm    the same operands in every run (default: cold caches)
    --budget SECONDS    of timed runs for each contender in each row, default 1.5
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
  const groupSize = number("--group-size", values["group-size"], 1);
  for (const { k } of shapes) requireGroupSize(groupSize, k);
  const direction = oneOf("--direction", values.direction, DIRECTIONS);
  const suite = oneOf("--suite", values.suite, [...SUITES, "all"]);
  return {
    kind: "run",
    settings: {
      device: oneOf("--device", values.device, DEVICE_NAMES),
      suites: suite === "all" ? SUITES : [suite as Suite],
      shapes,
      dtype: oneOf("--dtype", values.dtype, DTYPES) as DType,
      groupSize,
      directions: direction === "both" ? ["matmul", "matmulTransposed"] : [direction as Direction],
      peers: parsePeers(values.peers),
      warm: values.warm,
      budget: number("--budget", values.budget, 0.001),
      json: values.json,
      html: values.html,
    },
  };
}

const DIRECTIONS = ["matmul", "matmulTransposed", "both"];

function parsePeers(text: string): readonly Peer[] {
  if (text === "all") return PEERS;
  if (text === "none") return [];
  return text.split(",").map((name) => {
    if (PEERS.includes(name.trim() as Peer)) return name.trim() as Peer;
    throw invalid("--peers", `all, none, or some of ${PEERS.join(", ")}`, name);
  });
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

function number(subject: string, text: string, least: number): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (Number.isFinite(value) && value >= least) return value;
  throw invalid(subject, `a number of at least ${least}`, text);
}

function invalid(subject: string, expected: string, received: unknown): ArgumentError {
  return new ArgumentError({
    code: "W4A16_INVALID_VALUE",
    subject,
    expected,
    received: describeValue(received),
    fix: "See --help.",
  });
}
