/** The least time a product can take: the slower of reading its operands and multiplying them. */
import { availableParallelism } from "node:os";
import type { Device, DType } from "@w4a16/core";
import { benchmarkOf } from "../device-hooks.js";
import { coldBytes, lastLevelCacheBytes } from "../machine.js";
import type { Ceiling } from "../results.js";
import { readBandwidth } from "./bandwidth.js";
import { javaScriptPeak } from "./multiply-add.js";

/**
 * Measures what `device` can do at most: by its own probes, else from JavaScript,
 * and then says so. Undefined for a device with a clock and memory of its own that
 * offers no probe.
 */
export async function measureCeiling(
  device: Device,
  dtype: DType,
  cold: boolean,
): Promise<Ceiling | undefined> {
  const hooks = benchmarkOf(device);
  if (hooks.ceiling) return hooks.ceiling(dtype, cold);
  if (hooks.time) return undefined;
  const single = device.backend === "reference";
  const threads = single ? 1 : availableParallelism();
  const bytes = cold ? largeBytes() : lastLevelCacheBytes() / 2;
  const where = cold ? "memory" : "the last-level cache";
  return {
    bytesPerSecond: await readBandwidth(bytes, threads),
    operationsPerSecond: single ? javaScriptPeak() : null,
    method: [
      `${threads === 1 ? "one thread comparing" : `${threads} threads comparing`} buffers in ${where}`,
      single
        ? "multiply-add in JavaScript on one thread"
        : "the device offers no probe of its multipliers, so no floor is given",
    ].join("; "),
  };
}

/** Far more than the caches hold, so that little of it is still there when it is read again. */
function largeBytes(): number {
  return Math.max(coldBytes(), Math.min(4 * coldBytes(), 2 ** 30));
}

/** Microseconds that `operations` and `bytes` take at the ceiling; null where its multipliers are not known. */
export function floorTime(ceiling: Ceiling, operations: number, bytes: number): number | null {
  if (ceiling.operationsPerSecond === null) return null;
  const reading = bytes / ceiling.bytesPerSecond;
  return 1e6 * Math.max(reading, operations / ceiling.operationsPerSecond);
}
