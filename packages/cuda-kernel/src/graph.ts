import { Handle } from "@w4a16/core";
import type { CudaDevice } from "./device.js";
import { native } from "./failures.js";

/** Recorded products, replayed by one call. Its tensors and weights must stay alive as long as it. */
export class CudaGraph extends Handle {
  /** @internal */
  constructor(
    readonly device: CudaDevice,
    private readonly id: number,
  ) {
    super();
    device.watch(this, "destroyGraph", id);
  }

  /** Enqueues the recorded work on the current stream, on whatever the tensors then hold. */
  launch(): void {
    this.requireLive("graph");
    this.device.requireLive("the graph's device");
    native("launch", () => this.device.addon.launchGraph(this.device.id, this.id));
  }

  protected release(): void {
    this.device.giveBack("destroyGraph", this.id, this);
  }
}
