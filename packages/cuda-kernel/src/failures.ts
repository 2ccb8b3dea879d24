/** Turns what the addon throws into the product's errors. */
import { ArgumentError, DeviceError, outOfMemory } from "@w4a16/core";

/** Runs a native call. */
export function native<T>(subject: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw translate(subject, error);
  }
}

/** Waits for a native promise. */
export async function nativeAsync<T>(subject: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw translate(subject, error);
  }
}

function translate(subject: string, cause: unknown): Error {
  const { code, message } = cause as { code?: string; message: string };
  switch (code) {
    case "OUT_OF_MEMORY":
      return outOfMemory(subject, { received: message, cause });
    case "NO_CUBLAS":
      return new DeviceError({
        code: "W4A16_DEVICE_UNAVAILABLE",
        subject: "dense products",
        expected: "cuBLAS 12 or 13",
        received: message,
        fix: "Install cuBLAS, name the library in W4A16_CUBLAS, or use the fused strategy, which needs none.",
        cause,
      });
    case "NO_HOPPER":
      return new DeviceError({
        code: "W4A16_DEVICE_UNAVAILABLE",
        subject: 'kernel "hopper"',
        expected: "a GPU and a build that have the Hopper kernels",
        received: message,
        fix: "Omit the option and unset W4A16_CUDA_KERNEL: the portable kernel takes every product.",
        cause,
      });
    case "CAPTURING":
      return new ArgumentError({
        code: "W4A16_INVALID_VALUE",
        subject: "capture",
        expected: "products into existing tensors, of weights that were used before",
        received: message,
        fix: "Do it before the capture, and pass `out` to every product in it.",
        cause,
      });
    case "NOT_READY":
      return new ArgumentError({
        code: "W4A16_INVALID_VALUE",
        subject,
        expected: "events that have passed",
        received: message,
        fix: "Await device.synchronize() first.",
        cause,
      });
    default:
      return new DeviceError({
        code: "W4A16_NATIVE_FAILURE",
        subject,
        expected: "the GPU to carry it out",
        received: message,
        fix: "Open a new process: after such a failure CUDA refuses further work in this one.",
        cause,
      });
  }
}
