import { Worker } from "node:worker_threads";
import { AbortedError, DeviceError, throwIfAborted } from "../errors.js";

/** Tasks a worker has at hand: the next one is there when it finishes one. */
const AHEAD = 2;

/**
 * A thread takes on the process's flags, and under `--input-type`, which is for code from the
 * command line, it refuses to run a file. Then it gets no flags: some cannot be passed on by name.
 */
const WORKER_OPTIONS = process.execArgv.some((flag) => flag.startsWith("--input-type"))
  ? { execArgv: [] }
  : {};

interface Slot<Answer> {
  readonly worker: Worker;
  /** Those waiting for this worker's answers, oldest first. */
  readonly waiting: Array<(answer: Answer) => void>;
}

/**
 * Worker threads for one piece of work. The first death or abort ends it:
 * every call after that rejects with the same error.
 */
export class WorkerPool<Task, Answer> implements AsyncDisposable {
  readonly #slots: Slot<Answer>[] = [];
  readonly #failed: Promise<never>;
  #fail: (reason: Error) => void = () => {};

  /**
   * @param script the thread's file; it answers each message with one message, in order.
   * @param subject names the work in errors.
   * @throws DeviceError `W4A16_WORKER_FAILED` if a thread cannot be started.
   */
  constructor(
    script: URL,
    size: number,
    private readonly subject: string,
    private readonly signal: AbortSignal | undefined,
  ) {
    throwIfAborted(subject, signal);
    this.#failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    // Nobody may be waiting at the moment it fails.
    this.#failed.catch(() => {});
    try {
      while (this.#slots.length < size) this.#slots.push(this.#start(script));
    } catch (cause) {
      // Nobody will hold this pool: threads that were started would keep the process alive.
      void this[Symbol.asyncDispose]();
      throw this.#failure(cause);
    }
    signal?.addEventListener("abort", this.#abort, { once: true });
  }

  /**
   * Runs `count` tasks, made by `task` when a thread is ready for them and
   * given to `receive` as their answers come, in any order.
   *
   * @param buffersOf what to transfer of a task.
   */
  async run(
    count: number,
    task: (index: number) => Task,
    buffersOf: (task: Task) => ArrayBuffer[],
    receive: (answer: Answer, index: number) => void,
  ): Promise<void> {
    let next = 0;
    const pull = async (slot: Slot<Answer>) => {
      while (next < count) {
        const index = next++;
        const message = task(index);
        const answer = new Promise<Answer>((resolve) => slot.waiting.push(resolve));
        slot.worker.postMessage(message, buffersOf(message));
        receive(await answer, index);
      }
    };
    const pulls = this.#slots.flatMap((slot) => Array.from({ length: AHEAD }, () => pull(slot)));
    await Promise.race([Promise.all(pulls), this.#failed]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal?.removeEventListener("abort", this.#abort);
    await Promise.all(
      this.#slots.map(({ worker }) => worker.removeAllListeners("exit").terminate()),
    );
  }

  readonly #abort = () => this.#fail(new AbortedError(this.subject, this.signal!));

  #start(script: URL): Slot<Answer> {
    const slot: Slot<Answer> = { worker: new Worker(script, WORKER_OPTIONS), waiting: [] };
    slot.worker
      .on("message", (answer: Answer) => slot.waiting.shift()?.(answer))
      .on("error", (error) => this.#died(error))
      .on("exit", (code) => this.#died(`an exit with code ${code}`));
    return slot;
  }

  #died(cause: unknown): void {
    this.#fail(this.#failure(cause));
  }

  #failure(cause: unknown): DeviceError {
    return new DeviceError({
      code: "W4A16_WORKER_FAILED",
      subject: this.subject,
      expected: "its worker threads to run to the end",
      received: String(cause),
      fix: "Try fewer workers, or the synchronous form on the calling thread.",
      cause,
    });
  }
}
