/** The device under test, and its own unfused and dense products. */
import {
  type Device,
  type DeviceTensor,
  type DeviceWeight,
  type DType,
  dequantize,
  type Int4Weight,
  roundTo,
} from "@w4a16/core";
import { asSync, benchmarkOf, type DenseWeight } from "../device-hooks.js";
import type { Inputs } from "../problem/inputs.js";
import { pickRows } from "../problem/oracle.js";
import { Blank, type BoundProduct, type Contender, type LoadedContender } from "./contender.js";

/**
 * Relative error, before rounding, of a device whose weights are rounded once to
 * the format of the activations, and half as much again.
 */
const DEVICE_TOLERANCE: Readonly<Record<DType, number>> = {
  bfloat16: 2.5e-3,
  float16: 3e-4,
  float32: 1e-5,
};

/** What multiplies: an int4 or a dense weight of a device. */
type Multiplier = DeviceWeight | DenseWeight;

/** The device's name for the kernel of a product, where it has one. */
type KernelName = (inputs: Inputs) => string | undefined;

/** `device`'s product of an int4 weight, with extra `options`, such as those that select an unfused one. */
export function deviceContender(
  name: string,
  device: Device,
  dtype: DType,
  options: object = {},
): Contender {
  return {
    name,
    tolerance: DEVICE_TOLERANCE[dtype],
    load: async ({ weight, copies }) => {
      const loaded = Array.from({ length: copies }, () =>
        device.loadWeight(weight, loadOptions(device, dtype)),
      );
      const kernel: KernelName = ({ direction, shape }) =>
        benchmarkOf(device).kernel?.(loaded[0]!, direction, shape.m, dtype);
      return new LoadedWeights(device, rounded(weight, loaded[0]!.dtype), loaded, options, kernel);
    },
  };
}

/** The best dense library of the device, on the dequantized weight. */
export function deviceDenseContender(device: Device, dtype: DType): Contender {
  return {
    name: "dense",
    tolerance: DEVICE_TOLERANCE[dtype],
    load: async ({ weight, copies }) => {
      const { outFeatures: n, inFeatures: k } = weight;
      const values = dequantize(weight);
      const load = () => benchmarkOf(device).loadDense?.(values, n, k, dtype);
      const first = load();
      if (!first) throw new Blank("the device has no dense library");
      const rest = Array.from({ length: copies - 1 }, () => load()!);
      return new LoadedWeights(device, weight, [first, ...rest], {});
    },
  };
}

/** 16-bit parameters where the device's clock and memory are its own; else its own choice. */
function loadOptions(device: Device, dtype: DType): { dtype?: DType } {
  return benchmarkOf(device).time && dtype !== "float32" ? { dtype } : {};
}

/** `weight` with scales and zeros as a device keeps them. */
function rounded(weight: Int4Weight, dtype: DType): Int4Weight {
  if (dtype === "float32") return weight;
  return {
    ...weight,
    scales: roundTo(dtype, weight.scales),
    zeros: roundTo(dtype, weight.zeros),
  };
}

class LoadedWeights implements LoadedContender {
  constructor(
    private readonly device: Device,
    readonly weight: Int4Weight,
    private readonly loaded: readonly Multiplier[],
    private readonly options: object,
    private readonly kernel: KernelName = () => undefined,
  ) {}

  async bind(inputs: Inputs, copies: number): Promise<BoundProduct> {
    const kernel = this.kernel(inputs) ?? this.device.description;
    return new DeviceProduct(this.device, this.loaded, inputs, copies, this.options, kernel);
  }

  dispose(): void {
    for (const weight of this.loaded) weight.dispose();
  }
}

class DeviceProduct implements BoundProduct {
  readonly outputDtype: DType;
  readonly #xs: readonly DeviceTensor[];
  readonly #outs: readonly DeviceTensor[];

  constructor(
    private readonly device: Device,
    private readonly weights: readonly Multiplier[],
    private readonly inputs: Inputs,
    copies: number,
    private readonly options: object,
    readonly kernel: string,
  ) {
    const { shape, dtype, x, reduction, width } = inputs;
    this.outputDtype = dtype;
    this.#xs = Array.from({ length: copies }, () => device.tensor([shape.m, reduction], dtype, x));
    this.#outs = Array.from({ length: copies }, () => device.tensor([shape.m, width], dtype));
  }

  run(turn: number): void | Promise<void> {
    const weight = this.weights[turn % this.weights.length]!;
    const sync = asSync(weight);
    if (sync) {
      const { x, out } = this.#operands(turn);
      if (this.inputs.direction === "matmul") sync.matmulSync(x, { ...this.options, out });
      else sync.matmulTransposedSync(x, { ...this.options, out });
      return;
    }
    this.enqueue(turn);
    return this.device.synchronize();
  }

  enqueue(turn: number): void {
    const { x, out } = this.#operands(turn);
    this.#multiply(this.weights[turn % this.weights.length]!, x, { out });
  }

  async output(): Promise<Float32Array> {
    await this.run(0);
    return this.#outs[0]!.readFloat32();
  }

  async unrounded(rows: readonly number[], alone: boolean): Promise<Float32Array> {
    const { x, reduction, width, dtype } = this.inputs;
    const input = alone
      ? this.device.tensor([rows.length, reduction], dtype, pickRows(x, reduction, rows))
      : this.#xs[0]!;
    const out = this.#multiply(this.weights[0]!, input, { outDtype: "float32" });
    try {
      const y = await out.readFloat32();
      return alone ? y : pickRows(y, width, rows);
    } finally {
      out.dispose();
      if (alone) input.dispose();
    }
  }

  dispose(): void {
    for (const tensor of [...this.#xs, ...this.#outs]) tensor.dispose();
  }

  #operands(turn: number): { x: DeviceTensor; out: DeviceTensor } {
    const at = turn % this.#xs.length;
    return { x: this.#xs[at]!, out: this.#outs[at]! };
  }

  #multiply(weight: Multiplier, x: DeviceTensor, options: object): DeviceTensor {
    return this.inputs.direction === "matmul"
      ? weight.matmul(x, { ...this.options, ...options })
      : weight.matmulTransposed(x, { ...this.options, ...options });
  }
}
