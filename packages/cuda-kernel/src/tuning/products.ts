/** The products that tuning is about: their shapes, checked, and their names in the cache. */
import {
  ArgumentError,
  DIRECTIONS,
  type Direction,
  describeValue,
  requireDirection,
  requireInteger,
  requireOptions,
} from "@w4a16/core";
import { requireRowCount, requireWeightSize } from "../limits.js";
import type { NativeProduct } from "../native.js";

/** A product to tune: M rows of activations and a weight [N, K] with groups of G. */
export interface TuneShape {
  /** M: a result is for exactly so many rows. */
  readonly m: number;
  /** N */
  readonly n: number;
  /** K */
  readonly k: number;
  /** G, a divisor of K. */
  readonly groupSize: number;
  /** Default: both. */
  readonly direction?: Direction | undefined;
}

/** One product of a {@link TuneShape}. */
export interface Product extends TuneShape {
  readonly direction: Direction;
}

/** Every product of the shapes once, in their order. */
export function requireProducts(shapes: unknown): Product[] {
  if (!Array.isArray(shapes)) {
    throw new ArgumentError({
      code: "W4A16_INVALID_TYPE",
      subject: "shapes",
      expected: "an array of { m, n, k, groupSize }",
      received: describeValue(shapes),
      fix: "Pass the shapes of the products that the program computes.",
    });
  }
  const products = new Map<string, Product>();
  shapes.forEach((shape, i) => {
    for (const product of requireShape(`shapes[${i}]`, shape)) {
      products.set(productKey(product), product);
    }
  });
  return [...products.values()];
}

function requireShape(subject: string, shape: unknown): Product[] {
  requireOptions(subject, shape, ["m", "n", "k", "groupSize", "direction"]);
  const { direction, ...sizes } = shape as TuneShape;
  const m = requireInteger(`${subject}.m`, sizes.m, 1);
  const n = requireInteger(`${subject}.n`, sizes.n, 1);
  const k = requireInteger(`${subject}.k`, sizes.k, 2);
  const groupSize = requireInteger(`${subject}.groupSize`, sizes.groupSize, 1);
  if (k % 2 !== 0 || k % groupSize !== 0) {
    throw new ArgumentError({
      code: "W4A16_INVALID_GROUP_SIZE",
      subject,
      expected: "an even k that groupSize divides",
      received: `k = ${k}, groupSize = ${groupSize}`,
      fix: "Take them from the weight: inFeatures and groupSize.",
    });
  }
  requireWeightSize(n, k, [`${subject}.n`, `${subject}.k`]);
  requireRowCount(`${subject}.m`, m);
  const wanted =
    direction === undefined ? DIRECTIONS : [requireDirection(`${subject}.direction`, direction)];
  return wanted.map((direction) => ({ m, n, k, groupSize, direction }));
}

/** How the addon takes a product. */
export function nativeProduct({ m, n, k, groupSize, direction }: Product): NativeProduct {
  return [n, k, groupSize, direction === "matmulTransposed", m];
}

/** How the cache names a product. */
export function productKey({ m, n, k, groupSize, direction }: Product): string {
  return `${direction} ${m} ${n} ${k} ${groupSize}`;
}

/** The product of such a name; undefined for any other text. */
export function parseProductKey(key: string): Product | undefined {
  const [direction, ...sizes] = key.split(" ");
  try {
    const [m, n, k, groupSize] = sizes.map(Number);
    const [product] = requireProducts([{ m, n, k, groupSize, direction }]);
    return product && productKey(product) === key ? product : undefined;
  } catch {
    return undefined;
  }
}
