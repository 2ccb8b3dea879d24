import { availableParallelism } from "node:os";
import { ArgumentError, requireCallback, requireInteger, requireLength } from "../errors.js";
import type { Int4Weight } from "../weight.js";
import { allocateInt4Weight, blocksOf, insertBlock } from "./blocks.js";
import type { HqqAnswer, HqqTask } from "./hqq-protocol.js";
import { stopIteration } from "./hqq-solver.js";
import {
  HQQ_OPTIONS,
  type HqqOptions,
  type QuantizeShape,
  requireInput,
  resolveHqq,
} from "./options.js";
import { WorkerPool } from "./worker-pool.js";

/** State of a running quantization. */
export interface HqqProgress {
  /** Rows that are quantized; from N to 2·N at once where no second pass is needed. */
  readonly done: number;
  /** Rows in all: 2·N with the early stop, which may ask for a second pass, else N. */
  readonly total: number;
}

/** Options of `quantizeHqqAsync`. */
export interface HqqAsyncOptions extends QuantizeShape, HqqOptions {
  /**
   * Worker threads, of which at most four times the machine's cores are started. Default: the
   * machine's cores, fewer for a small weight.
   */
  readonly workers?: number | undefined;
  /** Called on the event loop after each block of rows. */
  readonly onProgress?: ((progress: HqqProgress) => void) | undefined;
  /** Stops the workers and rejects with `W4A16_ABORTED`. */
  readonly signal?: AbortSignal | undefined;
}

/** Fewer weights than this to a worker cost less than starting it. */
const WEIGHTS_PER_WORKER = 2 ** 19;
/** A thread takes 12 MiB, and the process ends where there is no memory for one; more than this only wait. */
const WORKERS_PER_CORE = 4;
/** Most worker threads that can be asked for: above any machine's cores. */
export const MAX_WORKERS = 1024;

/**
 * As `quantizeHqq`, with the same bits, on worker threads: the event loop stays
 * free, progress is told, and an `AbortSignal` stops it. Rows are copied to the
 * threads a block at a time, so the weight must not change until the result is there.
 *
 * @throws (rejects with) ArgumentError, AbortedError, or DeviceError: `W4A16_WORKER_FAILED`
 * if a worker thread cannot be started or dies, `W4A16_OUT_OF_MEMORY` as `quantizeHqq`.
 */
export async function quantizeHqqAsync(
  weight: Float32Array,
  options: HqqAsyncOptions,
): Promise<Int4Weight> {
  const input = requireInput(weight, options, [...HQQ_OPTIONS, "workers", "onProgress", "signal"]);
  const settings = resolveHqq(options);
  const { k, groupSize } = input;
  const { onProgress, signal } = options;
  requireCallback("onProgress", onProgress);
  const blocks = blocksOf(input);
  const workers =
    options.workers === undefined
      ? Math.min(availableParallelism(), Math.ceil(weight.length / WEIGHTS_PER_WORKER))
      : requireInteger("workers", options.workers, 1, MAX_WORKERS);

  const result = allocateInt4Weight(input, false);
  const histories: Array<readonly number[]> = blocks.map(() => []);
  const script = new URL("./hqq-worker.js", import.meta.url);
  const size = Math.min(workers, blocks.length, WORKERS_PER_CORE * availableParallelism());
  const pool = new WorkerPool<HqqTask, HqqAnswer>(script, size, "quantizeHqqAsync", signal);
  let done = 0;
  const total = settings.earlyStop ? 2 * input.n : input.n;
  const spare: Float32Array[] = [];
  const pass = (iterations: number) =>
    pool.run(
      blocks.length,
      (index) => {
        const { row, rows, weight: view } = blocks[index]!;
        // Transferring its buffer to a thread empties an array.
        requireLength("weight", view, rows * k, "as when the call began");
        const copy = takeArray(spare, view.length);
        copy.set(view);
        return { weight: copy, rows, groupSize, settings, iterations, origin: row * k };
      },
      (task) => [task.weight.buffer as ArrayBuffer],
      (answer, index) => {
        if ("failure" in answer) throw new ArgumentError(answer.failure);
        const { row, rows } = blocks[index]!;
        spare.push(answer.weight);
        insertBlock(result, answer.block, row);
        histories[index] = answer.errors;
        done += rows;
        onProgress?.({ done, total });
      },
    );
  try {
    await pass(settings.iterations);
    const stop = stopIteration(histories, settings, weight.length);
    if (histories.some((errors) => errors.length > stop)) {
      await pass(stop);
    } else if (done < total) {
      onProgress?.({ done: total, total });
    }
  } finally {
    await pool[Symbol.asyncDispose]();
  }
  return result;
}

/** An array of `length` from `spare`, or a new one where the last (smaller) block fits none. */
function takeArray(spare: Float32Array[], length: number): Float32Array {
  const array = spare.pop();
  return array?.length === length ? array : new Float32Array(length);
}
