import {
  type Device,
  type DeviceMemory,
  type DeviceTensor,
  type DeviceWeight,
  type DType,
  Handle,
  type Int4Weight,
  type LoadWeightOptions,
  type TensorData,
  withData,
} from "@w4a16/core";
import { MemoryLedger } from "./memory.js";
import type { Precision } from "./multiply/panels.js";
import { ReferenceTensor } from "./tensor.js";
import { ReferenceWeight } from "./weight.js";

/** Computes inside the call, on the calling thread. */
export class ReferenceDevice extends Handle implements Device {
  readonly backend = "reference";
  readonly description: string;
  /** What the device's handles hold. */
  readonly ledger = new MemoryLedger();

  constructor(readonly precision: Precision) {
    super();
    this.description = `JavaScript on the calling thread, unfused, ${precision}`;
  }

  loadWeight(weight: Int4Weight, options: LoadWeightOptions = {}): DeviceWeight {
    this.requireLive("device");
    return ReferenceWeight.load(this, weight, options);
  }

  tensor(shape: readonly number[], dtype: DType, data?: TensorData): DeviceTensor {
    this.requireLive("device");
    return withData(ReferenceTensor.allocate(this, shape, dtype), data);
  }

  memory(): DeviceMemory {
    return this.ledger.total();
  }

  async synchronize(): Promise<void> {
    this.requireLive("device");
  }

  protected release(): void {
    this.ledger.freeAll();
  }
}
