import { parseArgs } from "node:util";
import { DEVICE_NAMES } from "w4a16";

export interface Options {
  readonly device: string;
  /** M, rows of activations. */
  readonly rows: number;
  readonly groupSize: number;
}

const USAGE = `Quantizes the ten linear layers of a sentence encoder, multiplies, checks and times.

  --device NAME      ${DEVICE_NAMES.join(", ")}; default auto, the fastest there is
  --rows M           rows of activations, default 64
  --group-size G     in-features that share a scale and a zero, default 64
  --help`;

/** Reads the command line; prints the usage and ends the process where it is asked for or wrong. */
export function readOptions(args: readonly string[]): Options {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        device: { type: "string", default: "auto" },
        rows: { type: "string", default: "64" },
        "group-size": { type: "string", default: "64" },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    return {
      device: deviceName(values.device),
      rows: positive("--rows", values.rows),
      groupSize: positive("--group-size", values["group-size"]),
    };
  } catch (error) {
    console.error((error as Error).message);
    console.error(`\n${USAGE}`);
    process.exit(2);
  }
}

function deviceName(text: string): string {
  if ((DEVICE_NAMES as readonly string[]).includes(text)) return text;
  throw new RangeError(`--device: expected ${DEVICE_NAMES.join(", ")}, received ${text}.`);
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new RangeError(`${name}: expected a whole number above 0, received ${text}.`);
}
