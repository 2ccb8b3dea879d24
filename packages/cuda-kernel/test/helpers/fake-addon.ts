/** An addon that computes nothing and keeps count, for what can be tested without a GPU. */
import type { NativeAddon } from "../../src/native.js";
import { fakeHandles } from "./fake-device.mjs";

export interface FakeAddon {
  readonly addon: NativeAddon;
  /** Buffers and events that were not given back. */
  readonly live: Set<number>;
  /** What was enqueued, in order. */
  readonly log: string[];
}

/**
 * @param hooks replace methods of the addon.
 * @param milliseconds between two recorded events, by what was enqueued last.
 */
export function fakeAddon(
  hooks: Partial<NativeAddon> = {},
  milliseconds: Readonly<Record<string, number>> = {},
): FakeAddon {
  const { live, make, drop } = fakeHandles();
  const log: string[] = [];
  const addon: Partial<NativeAddon> = {
    open: () => 1,
    close: () => {},
    withoutHopper: () => "a fake has none",
    synchronize: async () => {},
    memory: () => ({ weights: 0, tensors: 0, deviceFree: 2 ** 33, deviceTotal: 2 ** 34 }),
    allocate: make,
    free: drop,
    upload: () => {},
    requireDense: () => {},
    matmulDense: (_, n, k) => void log.push(`dense ${n}×${k}`),
    probeFill: () => {},
    probeRead: (_, _buffer, passes) => void log.push(`read ${passes}`),
    probeMultiplyAdd: () => {
      log.push("multiply-add");
      return 1e12;
    },
    createEvent: make,
    destroyEvent: drop,
    recordEvent: () => {},
    elapsed: () => milliseconds[log.at(-1)!.split(" ")[0]!] ?? 1,
    ...hooks,
  };
  return { addon: addon as NativeAddon, live, log };
}

/** As the addon throws. */
export function nativeError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
