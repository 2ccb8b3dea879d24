/** From the built package, since worker threads run built files. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import {
  type ArgumentError,
  type HqqProgress,
  type Int4Weight,
  quantizeHqq,
  quantizeHqqAsync,
} from "@w4a16/core";
import { describe, expect, test } from "vitest";

const shape = { outFeatures: 96, inFeatures: 128, groupSize: 32 };
const weight = Float32Array.from({ length: 96 * 128 }, (_, i) => Math.sin(i * i) * (1 + (i % 7)));

describe("quantizeHqqAsync", () => {
  test.each([1, 2, 3, 96, 200])(
    "gives the bits of quantizeHqq with %i workers",
    async (workers) => {
      expect(await quantizeHqqAsync(weight, { ...shape, workers })).toEqual(
        quantizeHqq(weight, shape),
      );
    },
  );

  test("accepts shared memory", async () => {
    const shared = new Float32Array(new SharedArrayBuffer(weight.byteLength));
    shared.set(weight);
    expect(await quantizeHqqAsync(shared, shape)).toEqual(quantizeHqq(weight, shape));
  });

  test("gives plain, transferable arrays", async () => {
    const result = await quantizeHqqAsync(weight, shape);
    const buffers = [
      result.packed.buffer,
      result.scales.buffer,
      result.zeros.buffer,
    ] as ArrayBuffer[];
    const moved: Int4Weight = structuredClone(result, { transfer: buffers });
    expect(moved).toEqual(quantizeHqq(weight, shape));
  });

  test("runs again where the early stop lies before the last iteration", async () => {
    // A growing penalty moves the zeros on after the error has begun to rise.
    const options = { ...shape, beta: 0.5, kappa: 1.2, lpNorm: 0.5 };
    const stopped = quantizeHqq(weight, options);
    expect(stopped).not.toEqual(quantizeHqq(weight, { ...options, earlyStop: false }));
    const seen: HqqProgress[] = [];
    const onProgress = (progress: HqqProgress) => seen.push(progress);
    expect(await quantizeHqqAsync(weight, { ...options, workers: 2, onProgress })).toEqual(stopped);
    expect(seen.map(({ done }) => done)).toEqual([32, 64, 96, 128, 160, 192]);
    expect(seen.every(({ total }) => total === 192)).toBe(true);
  });

  test("tells progress", async () => {
    const seen: HqqProgress[] = [];
    const onProgress = (progress: HqqProgress) => seen.push(progress);
    await quantizeHqqAsync(weight, { ...shape, iterations: 5, earlyStop: false, onProgress });
    expect(seen.map(({ done }) => done)).toEqual([32, 64, 96]);
    expect(seen.every(({ total }) => total === 96)).toBe(true);
  });

  test("progress reaches its end where no second pass is needed", async () => {
    const seen: HqqProgress[] = [];
    const onProgress = (progress: HqqProgress) => seen.push(progress);
    await quantizeHqqAsync(weight, { ...shape, iterations: 1, onProgress });
    expect(seen.map(({ done }) => done)).toEqual([32, 64, 96, 192]);
    expect(seen.every(({ total }) => total === 192)).toBe(true);
  });

  test("aborts before it starts", async () => {
    const call = quantizeHqqAsync(weight, { ...shape, signal: AbortSignal.abort("enough") });
    await expect(call).rejects.toMatchObject({
      name: "AbortError",
      code: "W4A16_ABORTED",
      cause: "enough",
    });
  });

  test("aborts while it runs", async () => {
    const controller = new AbortController();
    const call = quantizeHqqAsync(weight, {
      ...shape,
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(call).rejects.toMatchObject({ code: "W4A16_ABORTED" });
  });

  test("reports a weight that is not finite as quantizeHqq does", async () => {
    const damaged = weight.slice();
    damaged[12_000] = Number.NaN;
    let expected: unknown;
    try {
      quantizeHqq(damaged, shape);
    } catch (error) {
      expected = error;
    }
    const actual = await quantizeHqqAsync(damaged, { ...shape, workers: 3 }).catch((e) => e);
    expect((actual as ArgumentError).code).toBe("W4A16_NON_FINITE_WEIGHT");
    expect(actual.message).toBe((expected as Error).message);
  });

  test("an error thrown by the progress callback ends the call and its threads", async () => {
    const call = quantizeHqqAsync(weight, {
      ...shape,
      onProgress: () => {
        throw new TypeError("from the caller");
      },
    });
    await expect(call).rejects.toThrow("from the caller");
  });

  /** What a process prints that runs `code` and then ends by itself. */
  const runCode = (code: string) => {
    const { stdout, stderr, signal } = spawnSync(
      process.execPath,
      ["--input-type=module", "--eval", code],
      // From here the package's own name leads to its build.
      { cwd: fileURLToPath(new URL("..", import.meta.url)), encoding: "utf8", timeout: 20_000 },
    );
    return { stdout: stdout.trim(), stderr, signal };
  };
  const CALL = `
    const { quantizeHqqAsync } = await import("@w4a16/core");
    const options = { outFeatures: 96, inFeatures: 64, workers: 3 };
    await quantizeHqqAsync(new Float32Array(96 * 64), options).then(
      () => console.log("done"),
      (error) => console.log(error.code, error.cause?.message),
    );`;

  test("runs from code on the command line, whose flags no thread can take on", () => {
    expect(runCode(CALL)).toEqual({ stdout: "done", stderr: "", signal: null });
  });

  test("a thread that cannot start is reported, and those already started end", () => {
    const code = `
      import { syncBuiltinESMExports } from "node:module";
      import threads from "node:worker_threads";
      const { Worker } = threads;
      let started = 0;
      threads.Worker = class extends Worker {
        constructor(...args) {
          if (started++ === 2) throw new Error("no third thread");
          super(...args);
        }
      };
      syncBuiltinESMExports();
      ${CALL}`;
    expect(runCode(code)).toEqual({
      stdout: "W4A16_WORKER_FAILED no third thread",
      stderr: "",
      signal: null,
    });
  });
});
