import {
  ArgumentError,
  bytesPerElement,
  type DeviceTensor,
  type DeviceWeight,
  type Direction,
  type DType,
  describeValue,
  Handle,
  type Int4Weight,
  type LoadWeightOptions,
  type MatmulOptions,
  requireDirection,
  requireDType,
  requireInt4Weight,
  requireInteger,
  requireOperands,
  requireOptions,
} from "@w4a16/core";
import type { CudaDevice } from "./device.js";
import { native } from "./failures.js";
import {
  requireDenseSize,
  requireFusedSize,
  requireRowCount,
  requireWeightSize,
} from "./limits.js";
import { CALL, DATA_TYPE, type KernelChoice } from "./native.js";
import { CudaTensor } from "./tensor.js";

/** Options of both products on a GPU. */
export interface CudaMatmulOptions extends MatmulOptions {
  /**
   * `"fused"`, the default, reads the packed weight. `"dequantize"` writes the weight out in the
   * dtype of x first, 2·N·K bytes, and multiplies with cuBLAS, which pays
   * off for thousands of rows; it takes no bias, and writes the dtype of x or float32.
   */
  readonly strategy?: "fused" | "dequantize" | undefined;
}

const MORE_OPTIONS = ["strategy"];

/**
 * A weight in GPU memory: one packed copy for both products, and parameters for each dtype in use.
 * Rows of 16-bit activations may be up to 2²⁶ − 512 elements apart.
 */
export class CudaWeight extends Handle implements DeviceWeight {
  readonly outFeatures: number;
  readonly inFeatures: number;
  readonly groupSize: number;
  readonly signed: boolean;

  private constructor(
    readonly device: CudaDevice,
    readonly dtype: DType,
    weight: Int4Weight,
    private readonly id: number,
  ) {
    super();
    this.outFeatures = weight.outFeatures;
    this.inFeatures = weight.inFeatures;
    this.groupSize = weight.groupSize;
    this.signed = weight.signed;
    device.watch(this, "freeWeight", id);
  }

  /**
   * Uploads and repacks. Scales and zeros are kept in `options.dtype`, by default
   * float32; a product with 16-bit activations rounds the scales to their dtype.
   *
   * @throws ArgumentError `W4A16_INVALID_SHAPE` where N or K is more than 2²⁶ − 512.
   */
  static load(device: CudaDevice, weight: Int4Weight, options: LoadWeightOptions): CudaWeight {
    const checked = requireInt4Weight(weight);
    requireOptions("options", options, ["dtype"]);
    const dtype = options.dtype === undefined ? "float32" : requireDType("dtype", options.dtype);
    const { outFeatures: n, inFeatures: k, groupSize, signed, packed, scales, zeros } = checked;
    requireWeightSize(n, k);
    const { addon } = device;
    const type = DATA_TYPE[dtype];
    const id = native("loadWeight", () =>
      addon.loadWeight(device.id, n, k, groupSize, signed, type, packed, scales, zeros),
    );
    return new CudaWeight(device, dtype, checked, id);
  }

  matmul(x: DeviceTensor, options?: CudaMatmulOptions): CudaTensor {
    return this.#multiply("matmul", x, options);
  }

  matmulTransposed(dy: DeviceTensor, options?: CudaMatmulOptions): CudaTensor {
    return this.#multiply("matmulTransposed", dy, options);
  }

  /**
   * W [N, K] in `dtype`: exactly the values that products with activations of that dtype use, on a
   * Hopper GPU those of its own kernels (the portable ones may round a weight otherwise).
   */
  dequantize(dtype: DType): CudaTensor {
    this.#requireUsable();
    requireDType("dtype", dtype);
    const dense = CudaTensor.allocate(
      this.device,
      [this.outFeatures, this.inFeatures],
      dtype,
      false,
    );
    const { addon, id } = this.device;
    try {
      native("dequantize", () =>
        addon.dequantize(id, this.id, DATA_TYPE[dtype], dense.storage.memory),
      );
    } catch (error) {
      dense.dispose();
      throw error;
    }
    return dense;
  }

  /** Which kernel a product of `m` rows of `dtype` would use. */
  explain(direction: Direction, m: number, dtype: DType): KernelChoice {
    this.#requireUsable();
    requireDirection("direction", direction);
    const rows = Math.max(1, requireInteger("m", m, 0));
    requireDType("dtype", dtype);
    if (dtype !== "float32") requireRowCount("m", rows);
    const { addon, id } = this.device;
    const transposed = direction === "matmulTransposed";
    return native("explain", () => addon.choose(id, this.id, transposed, rows, DATA_TYPE[dtype]));
  }

  protected release(): void {
    this.device.giveBack("freeWeight", this.id, this);
  }

  #requireUsable(): void {
    this.requireLive("weight");
    this.device.requireLive("the weight's device");
  }

  #multiply(direction: Direction, input: DeviceTensor, options?: CudaMatmulOptions): CudaTensor {
    this.#requireUsable();
    const operands = requireOperands(direction, this, CudaTensor, input, options, MORE_OPTIONS);
    const { x, bias, m, outShape, outDtype } = operands;
    const dense = requireStrategy(options?.strategy, x.dtype, outDtype, bias !== undefined);
    const name = direction === "matmul" ? "x" : "dy";
    if (dense) requireDenseSize(name, x, operands.out);
    else requireFusedSize(name, x);
    const out = operands.out ?? CudaTensor.allocate(this.device, outShape, outDtype, false);
    const { addon, id, call } = this.device;
    call[CALL.weight] = this.id;
    call[CALL.transposed] = direction === "matmulTransposed" ? 1 : 0;
    call[CALL.m] = m;
    x.describe(call, CALL.x);
    out.describe(call, CALL.out);
    if (bias) bias.describe(call, CALL.bias);
    else call[CALL.bias] = 0;
    call[CALL.dense] = dense ? 1 : 0;
    try {
      native(direction, () => addon.matmul(id));
    } catch (error) {
      if (out !== operands.out) out.dispose();
      throw error;
    }
    return out;
  }
}

/** Whether to dequantize first. Throws `W4A16_INVALID_VALUE` where that is not possible. */
function requireStrategy(strategy: unknown, x: DType, out: DType, hasBias: boolean): boolean {
  if (strategy === undefined || strategy === "fused") return false;
  if (strategy !== "dequantize")
    throw strategyError("fused or dequantize", describeValue(strategy));
  if (hasBias) throw strategyError("no bias with dequantize", "a bias");
  if (bytesPerElement(out) === 2 && out !== x) {
    throw strategyError(`an output of ${x} or float32 with dequantize`, out);
  }
  return true;
}

function strategyError(expected: string, received: string): ArgumentError {
  return new ArgumentError({
    code: "W4A16_INVALID_VALUE",
    subject: "strategy",
    expected,
    received,
    fix: "Omit the strategy: the fused kernel takes every combination.",
  });
}
