/** What the parts of the suite share: the device under test, and one checked product. */
import {
  type Backend,
  type Device,
  type DeviceWeight,
  type Direction,
  DTYPES,
  type DType,
  dequantize,
  type Int4Weight,
  roundTo,
} from "@w4a16/core";
import { productScale } from "../metrics.js";
import { exactMatmul, exactMatmulTransposed } from "../oracle.js";
import { expectClose } from "./expect.js";

/** Errors allowed beyond what rounding the output to its dtype explains. */
export interface Tolerance {
  /** Relative Frobenius error. */
  readonly frobenius: number;
  /** Largest error of an element, in units of √reduction · |x| · |w|. */
  readonly scaled: number;
}

export interface ConformanceOptions<Options extends object = object> {
  /** Default: the backend's name. */
  readonly title?: string | undefined;
  /** What the device is opened with. */
  readonly openOptions?: Options | undefined;
  /** Format in which the device is asked to keep scales and zeros. Default: its own choice. */
  readonly weightDType?: DType | undefined;
  /** Formats of activations to exercise. Default: all. */
  readonly dtypes?: readonly DType[] | undefined;
  /** By format of the activations. Default: 1e-6 each. */
  readonly tolerances?: { readonly [D in DType]?: Tolerance } | undefined;
  /** Skips the suite, for this reason. */
  readonly skip?: string | undefined;
}

const EXACT: Tolerance = { frobenius: 1e-6, scaled: 1e-6 };

/** The lengths of a product's operands: x [m, reduction] → [m, width]. */
export function extents(weight: Int4Weight | DeviceWeight, direction: Direction) {
  const { outFeatures: n, inFeatures: k } = weight;
  return direction === "matmul" ? { reduction: k, width: n } : { reduction: n, width: k };
}

export interface Product {
  readonly weight: Int4Weight;
  readonly direction: Direction;
  readonly dtype: DType;
  readonly m: number;
  /** [m, reduction]; rounded to `dtype` before use. */
  readonly x: Float32Array;
  readonly outDtype?: DType | undefined;
}

export class Suite<Options extends object = object> {
  readonly dtypes: readonly DType[];
  readonly #backend: Backend<Options>;
  readonly #options: ConformanceOptions<Options>;
  #device: Device | undefined;

  constructor(backend: Backend<Options>, options: ConformanceOptions<Options>) {
    this.#backend = backend;
    this.#options = options;
    this.dtypes = options.dtypes ?? DTYPES;
  }

  async start(): Promise<void> {
    this.#device = await this.open();
  }

  stop(): void {
    this.#device?.dispose();
  }

  /** The device that most tests share. */
  get device(): Device {
    return this.#device!;
  }

  /** One more device, for tests that dispose it or compare two. */
  open(options: object | undefined = this.#options.openOptions): Promise<Device> {
    return this.#backend.open(options as Options | undefined);
  }

  load(weight: Int4Weight, device: Device = this.device): DeviceWeight {
    return device.loadWeight(weight, { dtype: this.#options.weightDType });
  }

  tolerance(activations: DType): Tolerance {
    return this.#options.tolerances?.[activations] ?? EXACT;
  }

  /** Runs one product on the device and checks it against the oracle; gives the output. */
  async check(product: Product): Promise<Float32Array> {
    const { weight, direction, dtype, m, outDtype } = product;
    const { reduction } = extents(weight, direction);
    const loaded = this.load(weight);
    const x = this.device.tensor([m, reduction], dtype, product.x);
    const y = loaded[direction](x, { outDtype });
    const actual = await y.readFloat32();
    this.expectProduct(actual, { ...product, weight: keptBy(loaded, weight) });
    for (const handle of [loaded, x, y]) handle.dispose();
    return actual;
  }

  /** Checks `actual` against the oracle's product with a weight as the device keeps it. */
  expectProduct(actual: Float32Array, product: Product, bias?: Float32Array): void {
    const { weight, direction, dtype, m, outDtype = dtype } = product;
    const x = roundTo(dtype, product.x);
    const exact = direction === "matmul" ? exactMatmul : exactMatmulTransposed;
    expectClose(actual, exact(weight, x, m, bias), {
      dtype: outDtype,
      scale: productScale(extents(weight, direction).reduction, x, dequantize(weight)),
      tolerance: this.tolerance(dtype),
    });
  }
}

/** The weight with scales and zeros rounded as the device says that it keeps them. */
export function keptBy(loaded: DeviceWeight, weight: Int4Weight): Int4Weight {
  return {
    ...weight,
    scales: roundTo(loaded.dtype, weight.scales),
    zeros: roundTo(loaded.dtype, weight.zeros),
  };
}
