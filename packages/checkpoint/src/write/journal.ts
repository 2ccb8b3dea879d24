/**
 * The journal of a run: a line with its key and process, then one for each finished item.
 * Whoever holds it writes the output; another process is refused.
 */
import { open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { CheckpointError } from "../errors.js";

/** Where the bytes of the output `out` gather. */
export const partialOf = (out: string) => `${out}.w4a16-partial`;
export const journalOf = (out: string) => `${out}.w4a16-journal`;

export interface JournalLine {
  /** Of the item's first tensor: no two items make the same. */
  readonly tensor: string;
  /** Of the bytes of all its tensors. */
  readonly hash: string;
  readonly note: unknown;
}

/** How often another process may come first before the output counts as busy. */
const ATTEMPTS = 10;

export class Journal {
  private constructor(
    private readonly file: string,
    private readonly key: string,
    private lines: JournalLine[],
  ) {}

  /** What is finished, by this run or an earlier one with the same key. */
  get finished(): readonly JournalLine[] {
    return this.lines;
  }

  /**
   * Takes the journal of the output `out`.
   *
   * @throws CheckpointError `W4A16_OUTPUT_BUSY` where a running process has it.
   */
  static async claim(out: string, key: string): Promise<Journal> {
    const file = journalOf(out);
    const aside = `${file}.${process.pid}`;
    let found: Awaited<ReturnType<typeof read>>;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      found = await read(file);
      if (found?.pid !== undefined && isRunning(found.pid)) break;
      // Of processes that start at once, one alone can rename what a dead one left, and make it anew.
      if (found && !(await takeAside(file, aside, found.text))) continue;
      const journal = new Journal(file, key, found?.key === key ? found.lines : []);
      try {
        await journal.#create();
        return journal;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      } finally {
        await rm(aside, { force: true });
      }
    }
    throw busy(out, found?.pid);
  }

  /** Forgets all lines but these. */
  async keep(lines: Iterable<JournalLine>): Promise<void> {
    this.lines = [...lines];
    await this.#write({ key: this.key, pid: process.pid });
  }

  async add(line: JournalLine): Promise<void> {
    this.lines.push(line);
    await writeFile(this.file, `${JSON.stringify(line)}\n`, { flag: "a" });
  }

  /** Leaves the journal to whoever continues the run. */
  async release(): Promise<void> {
    await this.#write({ key: this.key });
  }

  async remove(): Promise<void> {
    await rm(this.file, { force: true });
  }

  /** Makes the file, which must not be there; none is left where a full disk takes not even its head. */
  async #create(): Promise<void> {
    const file = await open(this.file, "wx");
    try {
      await file.writeFile(this.#text({ key: this.key, pid: process.pid }));
    } catch (error) {
      await rm(this.file, { force: true });
      throw error;
    } finally {
      await file.close();
    }
  }

  async #write(head: object): Promise<void> {
    await writeFile(this.file, this.#text(head));
  }

  #text(head: object): string {
    return [head, ...this.lines].map((line) => `${JSON.stringify(line)}\n`).join("");
  }
}

/** Renames `file` if it still holds `text`. */
async function takeAside(file: string, aside: string, text: string): Promise<boolean> {
  try {
    await rename(file, aside);
    if ((await readFile(aside, "utf8")) === text) return true;
    await rename(aside, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  return false;
}

/** What a journal file says; undefined where there is none. A process of its own is left out. */
async function read(file: string) {
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const [head, ...lines] = text.split("\n").map(parseLine);
  const { key, pid } = (head ?? {}) as { key?: unknown; pid?: unknown };
  return {
    text,
    key,
    pid: typeof pid === "number" && pid !== process.pid ? pid : undefined,
    lines: lines.filter((line) => line !== undefined) as JournalLine[],
  };
}

/** A line of JSON, or nothing where a crash cut it off. */
function parseLine(line: string): object | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** The error for an output that process `pid` writes. */
export function busy(out: string, pid: number | undefined): CheckpointError {
  return new CheckpointError({
    code: "W4A16_OUTPUT_BUSY",
    subject: out,
    expected: "an output that nobody else writes",
    received: `process ${pid ?? "unknown"}, which is writing it`,
    fix: `Wait for it to end; if no such run exists, remove ${journalOf(out)}.`,
  });
}
