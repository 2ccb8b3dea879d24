/** What commands print: tables and numbers for people, JSON for programs, progress on stderr. */
import { SingleBar } from "cli-progress";
import Table from "cli-table3";

export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}

/**
 * Rows of a table. The library that draws it takes half a second for so many, half a minute
 * for ten times as many, and overflows the stack beyond some 100,000.
 */
const MAX_ROWS = 2_000;
/** Lines of a list that is not what the user asked for. */
const MAX_LINES = 20;

/** A table without colours, numbers to the right; rows beyond 2,000 are counted. */
export function table(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const isNumber = (column: number) =>
    rows.length > 0 && rows.every((row) => /^[-\d]|^$/.test(row[column] ?? ""));
  const view = new Table({
    head: [...head],
    style: { head: [], border: [] },
    // No rules between rows: long lists stay readable.
    chars: { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" },
    colAligns: head.map((_, column) => (isNumber(column) ? "right" : "left")),
  });
  for (const row of rows.slice(0, MAX_ROWS)) view.push(row.map(printable));
  const more = rows.length - MAX_ROWS;
  return more > 0 ? `${view}\n… and ${more} more: --json lists them` : view.toString();
}

/** What was left where it was, or out, and why. */
export function printSkipped(
  what: string,
  skipped: ReadonlyArray<{ readonly name: string; readonly reason: string }>,
): void {
  for (const { name, reason } of skipped.slice(0, MAX_LINES)) {
    console.log(`${what}: ${printable(name)}: ${reason}`);
  }
  const more = skipped.length - MAX_LINES;
  if (more > 0) console.log(`${what}: ${more} more: --json lists them`);
}

/** Text from a file without the control characters that could rewrite the terminal. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, "�");
}

export function bytes(count: number): string {
  // GGUF types we do not know have no size we know.
  if (Number.isNaN(count)) return "unknown";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let value = count;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** "1 layer", "2 layers". */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

export function percent(value: number): string {
  return `${(100 * value).toFixed(2)} %`;
}

/** A progress bar on stderr, where that is a terminal and the output is for people. */
class Progress {
  readonly #bar: SingleBar | undefined;
  #started = false;

  constructor(json: boolean) {
    if (json || !process.stderr.isTTY) return;
    this.#bar = new SingleBar({
      format: "{bar} {percentage} % · {eta_formatted} left · {name}",
      stream: process.stderr,
      hideCursor: true,
      clearOnComplete: true,
      gracefulExit: false,
    });
  }

  readonly update = ({ done, total, name }: { done: number; total: number; name: string }) => {
    if (!this.#bar) return;
    const payload = { name: printable(name) };
    if (!this.#started) this.#bar.start(total, done, payload);
    else this.#bar.update(done, payload);
    this.#started = true;
  };

  stop(): void {
    if (this.#started) this.#bar?.stop();
  }
}

/** Runs with a progress bar, and a signal that Ctrl-C fires. */
export async function withProgress<T>(
  json: boolean,
  run: (progress: Progress, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const progress = new Progress(json);
  const controller = new AbortController();
  const interrupt = () => controller.abort(new Error("interrupted"));
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  try {
    return await run(progress, controller.signal);
  } finally {
    progress.stop();
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
}
