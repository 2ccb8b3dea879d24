import type { CudaDeviceInfo } from "../../src/native.js";

export function fakeGpu(costs: Readonly<Record<string, number>>): {
  readonly addon: object;
  readonly chosen: Map<string, string>;
  readonly live: Set<number>;
};
export const FAKE_INFO: CudaDeviceInfo;
