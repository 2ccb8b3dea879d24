import type { CudaDeviceInfo } from "../../src/native.js";

export const FAKE_INFO: CudaDeviceInfo;
export function fakeHandles(): {
  readonly live: Set<number>;
  readonly make: () => number;
  readonly drop: (device: number, id: number) => void;
};
