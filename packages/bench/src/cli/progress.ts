/** Progress on standard error: a bar on a terminal, plain lines elsewhere. */
import { Presets, SingleBar } from "cli-progress";
import { formatTime, labelOf } from "../report/format.js";
import type { Reporter } from "../reporter.js";
import type { Measure, Row } from "../results.js";

export function createReporter(stream: NodeJS.WriteStream = process.stderr): Reporter {
  return stream.isTTY ? new BarReporter(stream) : new LineReporter(stream);
}

/** What both say alike; a note is said once, however often it comes up. */
abstract class StreamReporter {
  readonly #said = new Set<string>();

  constructor(protected readonly stream: NodeJS.WriteStream) {}

  note(text: string): void {
    if (this.#said.has(text)) return;
    this.#said.add(text);
    this.write(`note: ${text}`);
  }

  measure({ median, unit }: Measure): void {
    this.write(`    ${median.toPrecision(3)} ${unit}`);
  }

  protected write(line: string): void {
    this.stream.write(`${line}\n`);
  }
}

class LineReporter extends StreamReporter implements Reporter {
  begin(title: string): void {
    this.write(title);
  }

  step(what: string): void {
    this.write(`  ${what}`);
  }

  row(row: Row): void {
    const times = Object.entries(row.times).map(
      ([name, { median }]) => `${labelOf(name)} ${formatTime(median)}`,
    );
    this.write(`    ${times.join(", ") || "not timed"}`);
  }

  end(): void {}
}

class BarReporter extends StreamReporter implements Reporter {
  #bar: SingleBar | undefined;
  #total = 0;
  #done = 0;

  begin(title: string, total: number): void {
    this.write(title);
    this.#total = total;
    this.#done = 0;
    if (total === 0) return;
    this.#bar = new SingleBar(
      {
        format: "  {bar} {value}/{total}  {what}",
        stream: this.stream,
        hideCursor: true,
        clearOnComplete: true,
        autopadding: true,
        gracefulExit: false,
      },
      Presets.shades_classic,
    );
    this.#bar.start(total, 0, { what: "" });
  }

  step(what: string): void {
    if (this.#bar) this.#bar.update(this.#done, { what });
    else this.write(`  ${what}`);
    // A synchronous product leaves the bar no time to draw itself.
    this.#bar?.render?.();
  }

  row(): void {
    this.#done = Math.min(this.#total, this.#done + 1);
    this.#bar?.update(this.#done);
  }

  end(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  protected override write(line: string): void {
    // A line under way would be drawn over by the bar.
    this.stream.write(this.#bar ? `\r\x1b[K${line}\n` : `${line}\n`);
  }
}
