/** Streams and events of a CUDA device. */
import { ArgumentError, describeValue, Handle, requireFunction } from "@w4a16/core";
import type { CudaDevice } from "./device.js";
import { native } from "./failures.js";

/**
 * A queue of work. A tensor written on one stream and used on another needs an
 * event between the two; memory is freed once every stream has passed it.
 */
export class CudaStream extends Handle {
  /** Of devices that are not on their own stream. */
  static readonly #current = new WeakMap<CudaDevice, CudaStream>();
  readonly #id: number;

  /** @internal */
  constructor(readonly device: CudaDevice) {
    super();
    this.#id = native("stream", () => device.addon.createStream(device.id));
    device.watch(this, "destroyStream", this.#id);
  }

  /** Enqueues on this stream whatever `enqueue` does before it returns. */
  run<T>(enqueue: () => T): T {
    requireFunction("enqueue", enqueue);
    this.requireLive("stream");
    this.device.requireLive("the stream's device");
    const before = CudaStream.#current.get(this.device);
    CudaStream.#use(this.device, this);
    try {
      return enqueue();
    } finally {
      // What ran may have disposed any of them.
      if (!this.device.disposed) {
        CudaStream.#use(this.device, before?.disposed ? undefined : before);
      }
    }
  }

  protected release(): void {
    this.device.giveBack("destroyStream", this.#id, this);
  }

  static #use(device: CudaDevice, stream: CudaStream | undefined): void {
    native("stream", () => device.addon.useStream(device.id, stream ? stream.#id : 0));
    if (stream) CudaStream.#current.set(device, stream);
    else CudaStream.#current.delete(device);
  }
}

/** A point in a stream, to wait for or to measure time from. */
export class CudaEvent extends Handle {
  readonly #id: number;

  /** @internal */
  constructor(readonly device: CudaDevice) {
    super();
    this.#id = native("event", () => device.addon.createEvent(device.id));
    device.watch(this, "destroyEvent", this.#id);
  }

  /** Marks the current end of the current stream. */
  record(): void {
    this.#requireUsable();
    native("record", () => this.device.addon.recordEvent(this.device.id, this.#id));
  }

  /** Makes what is enqueued next on the current stream wait for the recorded point. */
  wait(): void {
    this.#requireUsable();
    native("wait", () => this.device.addon.waitEvent(this.device.id, this.#id));
  }

  /** GPU time from `earlier` to this event. Both must have passed: `await device.synchronize()` first. */
  millisecondsSince(earlier: CudaEvent): number {
    this.#requireUsable();
    requireEvent(earlier, this.device);
    earlier.#requireUsable();
    const { addon, id } = this.device;
    return native("millisecondsSince", () => addon.elapsed(id, earlier.#id, this.#id));
  }

  protected release(): void {
    this.device.giveBack("destroyEvent", this.#id, this);
  }

  #requireUsable(): void {
    this.requireLive("event");
    this.device.requireLive("the event's device");
  }
}

function requireEvent(value: unknown, device: CudaDevice): void {
  if (value instanceof CudaEvent && value.device === device) return;
  throw new ArgumentError({
    code: "W4A16_INVALID_TYPE",
    subject: "earlier",
    expected: "an event of the same device",
    received: describeValue(value),
    fix: "Make both events with createEvent() of one device.",
  });
}
