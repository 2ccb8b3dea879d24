/** Timing through graphs and events, on a device that only pretends to have them. */
import type { Device, Int4Weight } from "@w4a16/core";
import { reference } from "@w4a16/reference";
import { describe, expect, it } from "vitest";
import { benchmarkOf } from "../src/device-hooks.js";

/** A device whose clock advances by what is enqueued: 5 ms a graph, 1000 ms anything else. */
async function openFake({ refuseCapture = false } = {}) {
  const device = await reference.open();
  const log: string[] = [];
  let live = 0;
  let clock = 0;
  const handle = () => {
    live++;
    return { dispose: () => void live-- };
  };
  class Event {
    at = Number.NaN;
    readonly #handle = handle();
    record(): void {
      this.at = clock;
      log.push("record");
    }
    millisecondsSince(earlier: Event): number {
      return this.at - earlier.at;
    }
    dispose(): void {
      this.#handle.dispose();
    }
  }
  const fake = Object.assign(device, {
    createEvent: () => new Event(),
    capture: (enqueue: () => void) => {
      if (refuseCapture) throw new Error("cannot be captured");
      enqueue();
      const launch = () => {
        clock += 5;
        log.push("launch");
      };
      return { launch, ...handle() };
    },
    tensor: (shape: readonly number[]) => {
      clock += 1000;
      log.push(`tensor ${shape.join("×")}`);
      return handle();
    },
    loadWeight: ({ packed }: Int4Weight) => {
      log.push(`weight of ${packed.length} bytes`);
      const matmul = () => {
        clock += 1000;
        log.push("matmul");
      };
      return { matmul, ...handle() };
    },
  });
  return { device: fake as unknown as Device, log, live: () => live };
}

describe("a device with graphs and events", () => {
  it("is cold in both ways, and offers its unfused product", async () => {
    const { device } = await openFake();
    const { coldMethods, unfused } = benchmarkOf(device);
    expect(coldMethods).toEqual(["written", "clean"]);
    expect(unfused).toEqual({ strategy: "dequantize" });
  });

  it("writes 256 MB before each run, and times the graph alone, in microseconds", async () => {
    const { device, log, live } = await openFake();
    const runs = [() => log.push("run 0"), () => log.push("run 1")];
    const times = await benchmarkOf(device).time!(runs, { cold: "written", rounds: 2 });
    expect(times).toEqual([
      [5000, 5000],
      [5000, 5000],
    ]);
    const turn = ["tensor 67108864", "record", "launch", "record"];
    expect(log).toEqual(["run 0", "run 1", ...turn, ...turn, ...turn, ...turn]);
    expect(live()).toBe(0);
  });

  it("reads 256 MB before each run when the cache is to be clean", async () => {
    const { device, log, live } = await openFake();
    await benchmarkOf(device).time!([() => {}], { cold: "clean", rounds: 1 });
    expect(log[0]).toBe("weight of 268435456 bytes");
    expect(log.slice(-4)).toEqual(["matmul", "record", "launch", "record"]);
    expect(live()).toBe(0);
  });

  it("runs the same graph just before when it is to be warm", async () => {
    const { device, log } = await openFake();
    await benchmarkOf(device).time!([() => {}], { cold: false, rounds: 1 });
    expect(log).toEqual(["launch", "record", "launch", "record"]);
  });

  it("enqueues what cannot be captured, and says so", async () => {
    const { device, log } = await openFake({ refuseCapture: true });
    const run = () => log.push("run");
    const notes: string[] = [];
    const note = (text: string) => notes.push(text);
    await benchmarkOf(device).time!([run], { cold: false, rounds: 1, note });
    expect(notes).toEqual(["timed as it is enqueued, not as a graph: cannot be captured"]);
    expect(log).toEqual(["run", "record", "run", "record"]);
  });

  it("stops at an abort and keeps what it has", async () => {
    const { device, live } = await openFake();
    const { signal } = new AbortController();
    const aborted = AbortSignal.abort();
    const time = benchmarkOf(device).time!;
    expect(await time([() => {}], { cold: false, rounds: 3, signal })).toEqual([
      [5000, 5000, 5000],
    ]);
    expect(await time([() => {}], { cold: false, rounds: 3, signal: aborted })).toEqual([[]]);
    expect(live()).toBe(0);
  });

  it("prefers hooks of its own, methods of a class too", async () => {
    const { device } = await openFake();
    class Benchmark {
      private readonly answer = [[7]];
      async time() {
        return this.answer;
      }
    }
    Object.assign(device, { benchmark: new Benchmark() });
    const hooks = benchmarkOf(device);
    expect(await hooks.time!([], { cold: false, rounds: 1 })).toEqual([[7]]);
    expect(hooks.unfused).toEqual({ strategy: "dequantize" });
  });
});
