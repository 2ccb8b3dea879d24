/** A weight on the CPU device: one packed copy for both products. */
import {
  type DeviceTensor,
  type DeviceWeight,
  type Direction,
  type DType,
  Handle,
  type Int4Weight,
  type MatmulOptions,
  requireOperands,
} from "@w4a16/core";
import type { CpuDevice } from "./device.js";
import { DATA_TYPE, type NativeWeight } from "./native.js";
import { CpuTensor } from "./tensor.js";

/** A weight in the addon's memory. */
export class CpuWeight extends Handle implements DeviceWeight {
  readonly outFeatures: number;
  readonly inFeatures: number;
  readonly groupSize: number;
  readonly signed: boolean;
  /** Scales and zeros stay as they came. */
  readonly dtype: DType = "float32";
  readonly #native: NativeWeight;

  /** @internal */
  constructor(
    readonly device: CpuDevice,
    native: NativeWeight,
    weight: Int4Weight,
  ) {
    super();
    this.#native = native;
    this.outFeatures = weight.outFeatures;
    this.inFeatures = weight.inFeatures;
    this.groupSize = weight.groupSize;
    this.signed = weight.signed;
  }

  /** Y = X·Wᵀ, enqueued: x [..., K] → [..., N]. */
  matmul(x: DeviceTensor, options?: MatmulOptions): CpuTensor {
    return this.#multiply("matmul", x, options, false);
  }

  /** dX = dY·W, enqueued: dy [..., N] → [..., K]. */
  matmulTransposed(dy: DeviceTensor, options?: MatmulOptions): CpuTensor {
    return this.#multiply("matmulTransposed", dy, options, false);
  }

  /** As {@link matmul}, on the calling thread and all others of the device; done when it returns. */
  matmulSync(x: DeviceTensor, options?: MatmulOptions): CpuTensor {
    return this.#multiply("matmul", x, options, true);
  }

  /** As {@link matmulTransposed}, on the calling thread and all others of the device. */
  matmulTransposedSync(dy: DeviceTensor, options?: MatmulOptions): CpuTensor {
    return this.#multiply("matmulTransposed", dy, options, true);
  }

  protected release(): void {
    this.device.addon.release(this.#native);
  }

  #multiply(
    direction: Direction,
    input: DeviceTensor,
    options: MatmulOptions | undefined,
    wait: boolean,
  ): CpuTensor {
    this.requireLive("weight");
    this.device.requireLive("the weight's device");
    const operands = requireOperands(direction, this, CpuTensor, input, options);
    const { x, bias, m, width, outShape, outDtype } = operands;
    const id = this.device.nextId();
    const layout = { shape: outShape, dtype: outDtype, offset: 0, rowStride: width };
    const out = operands.out ?? this.device.allocate(layout, false);
    this.device.addon.matmul(
      this.device.engine,
      this.#native,
      direction === "matmulTransposed",
      m,
      x.storage.memory,
      x.offset,
      x.rowStride,
      DATA_TYPE[x.dtype],
      out.storage.memory,
      out.offset,
      out.rowStride,
      DATA_TYPE[outDtype],
      bias?.storage.memory,
      bias?.offset ?? 0,
      DATA_TYPE[bias?.dtype ?? "float32"],
      id,
      wait,
    );
    if (options?.signal && !wait) this.device.abortOn(options.signal, id);
    return out;
  }
}
