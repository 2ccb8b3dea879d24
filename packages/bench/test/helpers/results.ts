import type { Results, Row, Timing } from "../../src/results.js";

/** A timing whose interval is a tenth of the median wide. */
export function timing(median: number): Timing {
  return { median, p10: 0.95 * median, p90: 1.05 * median };
}

export function row(m: number, times: Record<string, number>, more: Partial<Row> = {}): Row {
  return {
    device: "cpu",
    deviceName: "a CPU",
    kernel: "a kernel",
    direction: "matmul",
    dtype: "bfloat16",
    m,
    n: 4096,
    k: 4096,
    groupSize: 128,
    cold: "rotated",
    times: Object.fromEntries(Object.entries(times).map(([name, time]) => [name, timing(time)])),
    floor: 10 * m,
    relativeError: 1e-7,
    ...more,
  };
}

export function results(rows: readonly Row[]): Results {
  return {
    schema: 1,
    date: "2026-01-02T03:04:05.000Z",
    commit: "0123456789abcdef0123456789abcdef01234567",
    machine: {
      cpu: "Some <CPU>",
      cores: 2,
      memoryGiB: 16,
      lastLevelCacheMiB: 32,
      platform: "linux x64",
      node: "20.0.0",
      peers: { "onnxruntime-node": "1.30.0, float32 activations, 2 threads" },
      ceilings: { cpu: { bytesPerSecond: 3e10, operationsPerSecond: 9e11, method: "a probe" } },
    },
    rows,
  };
}
