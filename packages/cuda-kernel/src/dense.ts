/** Dense weights, multiplied by cuBLAS: what the fused kernels are measured against. */
import {
  ArgumentError,
  bytesPerElement,
  type DeviceTensor,
  type Direction,
  type DType,
  Handle,
  type MatmulOptions,
  requireDType,
  requireInstance,
  requireInteger,
  requireOperands,
} from "@w4a16/core";
import type { CudaDevice } from "./device.js";
import { native } from "./failures.js";
import { requireDenseSize, requireDenseWeightSize } from "./limits.js";
import { CALL } from "./native.js";
import { CudaTensor } from "./tensor.js";

/** A dense weight [N, K] in GPU memory. */
export class CudaDenseWeight extends Handle {
  private constructor(
    readonly device: CudaDevice,
    readonly dtype: DType,
    readonly outFeatures: number,
    readonly inFeatures: number,
    /** W, row-major. */
    readonly values: CudaTensor,
  ) {
    super();
  }

  /**
   * Rounds `values` [n, k], row-major, to `dtype` and uploads them.
   *
   * @throws DeviceError `W4A16_DEVICE_UNAVAILABLE` where cuBLAS is not found.
   */
  static load(
    device: CudaDevice,
    values: Float32Array,
    n: number,
    k: number,
    dtype: DType,
  ): CudaDenseWeight {
    requireInstance("values", values, [Float32Array]);
    return CudaDenseWeight.#make(device, n, k, dtype, values);
  }

  /** A weight of zeros, to be filled on the device. */
  static allocate(device: CudaDevice, n: number, k: number, dtype: DType): CudaDenseWeight {
    return CudaDenseWeight.#make(device, n, k, dtype);
  }

  static #make(device: CudaDevice, n: number, k: number, dtype: DType, values?: Float32Array) {
    requireInteger("n", n, 1);
    requireInteger("k", k, 1);
    requireDenseWeightSize(n, k);
    requireDType("dtype", dtype);
    native("dense products", () => device.addon.requireDense(device.id));
    return new CudaDenseWeight(device, dtype, n, k, device.tensor([n, k], dtype, values));
  }

  /**
   * x [M, K] · Wᵀ. `x` is of the weight's dtype; `out` of that or float32; there is no bias. Sizes
   * and row strides are below 2³¹.
   */
  matmul(x: DeviceTensor, options?: MatmulOptions): CudaTensor {
    return this.#multiply("matmul", x, options);
  }

  /** dy [M, N] · W, otherwise as {@link matmul}. */
  matmulTransposed(dy: DeviceTensor, options?: MatmulOptions): CudaTensor {
    return this.#multiply("matmulTransposed", dy, options);
  }

  protected release(): void {
    this.values.dispose();
  }

  #multiply(direction: Direction, input: DeviceTensor, options?: MatmulOptions): CudaTensor {
    this.requireLive("weight");
    this.device.requireLive("the weight's device");
    const operands = requireOperands(direction, this, CudaTensor, input, options);
    const { x, m, outShape, outDtype } = operands;
    requireDenseDTypes(this.dtype, x.dtype, outDtype, operands.bias !== undefined);
    requireDenseSize(direction === "matmul" ? "x" : "dy", x, operands.out);
    const out = operands.out ?? CudaTensor.allocate(this.device, outShape, outDtype, false);
    const { addon, id, call } = this.device;
    call[CALL.weight] = this.values.storage.memory;
    call[CALL.transposed] = direction === "matmulTransposed" ? 1 : 0;
    call[CALL.m] = m;
    x.describe(call, CALL.x);
    out.describe(call, CALL.out);
    try {
      native(direction, () => addon.matmulDense(id, this.outFeatures, this.inFeatures));
    } catch (error) {
      if (out !== operands.out) out.dispose();
      throw error;
    }
    return out;
  }
}

/** Checks that cuBLAS computes such a product. Throws `W4A16_INVALID_DTYPE`. */
function requireDenseDTypes(weight: DType, x: DType, out: DType, hasBias: boolean): void {
  if (x !== weight) throw denseError(`activations of the dense weight's ${weight}`, x);
  if (hasBias) throw denseError("no bias with a dense weight", "a bias");
  if (bytesPerElement(out) === 2 && out !== x) {
    throw denseError(`an output of ${x} or float32`, out);
  }
}

function denseError(expected: string, received: string): ArgumentError {
  return new ArgumentError({
    code: "W4A16_INVALID_DTYPE",
    subject: "dense product",
    expected,
    received,
    fix: "Load the weight in the dtype of the activations, and add a bias afterwards.",
  });
}
