import {
  allocateOrThrow,
  type DeviceTensor,
  type DeviceWeight,
  type Direction,
  type DType,
  Handle,
  type Int4Weight,
  type LoadWeightOptions,
  type MatmulOptions,
  requireDType,
  requireInt4Weight,
  requireOperands,
  requireOptions,
  roundTo,
  weightByteLength,
} from "@w4a16/core";
import type { ReferenceDevice } from "./device.js";
import type { Block } from "./memory.js";
import { multiply } from "./multiply/multiply.js";
import { addBias } from "./oracle.js";
import { ReferenceTensor } from "./tensor.js";

/** A weight that is dequantized, tile by tile, in every product. */
export class ReferenceWeight extends Handle implements DeviceWeight {
  readonly outFeatures: number;
  readonly inFeatures: number;
  readonly groupSize: number;
  readonly signed: boolean;
  readonly #block: Block<Int4Weight>;

  private constructor(
    readonly device: ReferenceDevice,
    readonly dtype: DType,
    block: Block<Int4Weight>,
  ) {
    super();
    const { outFeatures, inFeatures, groupSize, signed } = block.contents;
    this.outFeatures = outFeatures;
    this.inFeatures = inFeatures;
    this.groupSize = groupSize;
    this.signed = signed;
    this.#block = block;
  }

  /** Copies `weight`, with scales and zeros rounded to `options.dtype`. */
  static load(
    device: ReferenceDevice,
    weight: Int4Weight,
    options: LoadWeightOptions,
  ): ReferenceWeight {
    const checked = requireInt4Weight(weight);
    const { packed, scales, zeros } = checked;
    requireOptions("options", options, ["dtype"]);
    const dtype = options.dtype === undefined ? "float32" : requireDType("dtype", options.dtype);
    const block = device.ledger.hold("weights", weightByteLength(checked), () => ({
      ...checked,
      packed: packed.slice(),
      scales: roundTo(dtype, scales),
      zeros: roundTo(dtype, zeros),
    }));
    return new ReferenceWeight(device, dtype, block);
  }

  matmul(x: DeviceTensor, options?: MatmulOptions): DeviceTensor {
    return this.#multiply("matmul", x, options);
  }

  matmulTransposed(dy: DeviceTensor, options?: MatmulOptions): DeviceTensor {
    return this.#multiply("matmulTransposed", dy, options);
  }

  protected release(): void {
    this.#block.free();
  }

  #multiply(direction: Direction, input: DeviceTensor, options?: MatmulOptions): DeviceTensor {
    this.requireLive("weight");
    this.device.requireLive("the weight's device");
    const { x, bias, out, m, width, outShape, outDtype } = requireOperands(
      direction,
      this,
      ReferenceTensor,
      input,
      options,
    );
    const result = out ?? ReferenceTensor.allocate(this.device, outShape, outDtype);
    const y = allocateOrThrow(8 * m * width, () =>
      multiply(this.#block.contents, direction, this.device.precision, x.toFloat64(), m),
    );
    if (bias) addBias(y, bias.toFloat64(), width);
    result.assign(y);
    return result;
  }
}
