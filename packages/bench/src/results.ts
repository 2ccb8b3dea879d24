/** The document a run writes: one schema for every machine, readable by programs. */
import { type Direction, type DType, W4A16Error } from "@w4a16/core";

/** Microseconds: the median of the runs, and the 10th and 90th percentile. */
export interface Timing {
  readonly median: number;
  readonly p10: number;
  readonly p90: number;
}

/**
 * What the caches held before each timed run. GPU: `"written"` 256 MB were
 * written, `"clean"` 256 MB were read. CPU: `"rotated"` operands took turns over
 * more than the last-level cache. `false`: the run before used the same operands.
 */
export type Cold = "written" | "clean" | "rotated" | false;

/** One product on one device, beside what else could compute it. */
export interface Row {
  readonly device: string;
  readonly deviceName: string;
  /** Which kernel the device chose, in its own words. */
  readonly kernel: string;
  readonly direction: Direction;
  readonly dtype: DType;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly groupSize: number;
  readonly cold: Cold;
  /** By contender; what is absent was not measured. */
  readonly times: Readonly<Record<string, Timing>>;
  /** Least time the machine allows, µs: the slower of its memory and its multipliers. Null: not known. */
  readonly floor: number | null;
  /**
   * Relative Frobenius error of the device's product against float64, before the
   * output is rounded to `dtype`. Null: not a number.
   */
  readonly relativeError: number | null;
}

/** What a {@link Measure} is in. */
export type Unit = "ms" | "µs" | "MiB";

/** One measure of a suite other than matmul. */
export interface Measure {
  readonly suite: string;
  readonly name: string;
  readonly unit: Unit;
  readonly median: number;
  readonly p10: number;
  readonly p90: number;
}

/** What a machine can do at most, as measured on it. */
export interface Ceiling {
  /** Bytes a second that can be read where the operands lie. */
  readonly bytesPerSecond: number;
  /** Multiplications and additions a second; null where the device offers no probe for it. */
  readonly operationsPerSecond: number | null;
  /** How the two were measured. */
  readonly method: string;
}

/** What a run was measured on, and beside what. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly lastLevelCacheMiB: number;
  readonly platform: string;
  /** The NVIDIA driver's version, where there is one. */
  readonly driver?: string;
  readonly node: string;
  /** Version and settings of each peer that took part. */
  readonly peers: Readonly<Record<string, string>>;
  /** By device. */
  readonly ceilings: Readonly<Record<string, Ceiling>>;
}

/** The document of one run. */
export interface Results {
  readonly schema: 1;
  /** ISO 8601. */
  readonly date: string;
  /** Of the repository measured, with "-dirty" where files differed; null outside a repository. */
  readonly commit: string | null;
  readonly machine: Machine;
  readonly rows: readonly Row[];
  /** Of the other suites, where they ran. */
  readonly measures?: readonly Measure[];
}

/** A file that is no results document of this schema. */
export class ResultsError extends W4A16Error<"W4A16_INVALID_RESULTS"> {}

/** Parses a results document. `subject` names it in the error. */
export function parseResults(subject: string, text: string): Results {
  const reject = (received: string, cause?: unknown) =>
    new ResultsError({
      code: "W4A16_INVALID_RESULTS",
      subject,
      expected: "a results document of schema 1",
      received,
      fix: "Write one with --json FILE.",
      cause,
    });
  let document: Partial<Results>;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw reject("text that is not JSON", cause);
  }
  if (document?.schema !== 1) throw reject(`schema ${JSON.stringify(document?.schema)}`);
  if (!Array.isArray(document.rows) || typeof document.machine?.cpu !== "string") {
    throw reject("a document without rows or machine");
  }
  const broken = document.rows.findIndex((row) => !isRow(row));
  if (broken >= 0) throw reject(`a malformed rows[${broken}]`);
  return document as Results;
}

function isRow(row: Partial<Row> | null): row is Row {
  if (!isObject(row)) return false;
  const texts = [row.device, row.deviceName, row.kernel, row.direction, row.dtype];
  const sizes = [row.m, row.n, row.k, row.groupSize];
  return (
    texts.every((text) => typeof text === "string") &&
    sizes.every(Number.isInteger) &&
    isObject(row.times) &&
    Object.values(row.times).every(isTiming)
  );
}

function isTiming(timing: Partial<Timing> | null): boolean {
  if (!isObject(timing)) return false;
  const ordered = [0, timing.p10, timing.median, timing.p90];
  return ordered.every((time, i) => Number.isFinite(time) && !(time! < ordered[i - 1]!));
}

function isObject<Value>(value: Value): value is Value & object {
  return typeof value === "object" && value !== null;
}
