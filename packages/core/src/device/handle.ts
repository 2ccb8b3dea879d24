import { DeviceError } from "../errors.js";
import type { Disposing } from "./types.js";

/** Base of devices, weights and tensors: idempotent disposal, and an error on later use. */
export abstract class Handle implements Disposing {
  #disposed = false;

  /** Whether `value` was made by this class and not merely given its prototype. */
  static isHandle(value: unknown): value is Handle {
    return typeof value === "object" && value !== null && #disposed in value;
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.release();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Throws `W4A16_DISPOSED` if the handle is gone. `what` names it in the error. */
  requireLive(what: string): void {
    if (this.#disposed) throw disposedError(what);
  }

  /** Frees what the handle holds; called once. */
  protected abstract release(): void;
}

function disposedError(what: string): DeviceError {
  return new DeviceError({
    code: "W4A16_DISPOSED",
    subject: what,
    expected: "a live handle",
    received: "one that was disposed",
    fix: "Use it before dispose(), or before the end of its `using` block.",
  });
}
