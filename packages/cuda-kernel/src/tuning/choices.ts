import type { CudaDevice } from "../device.js";
import { native } from "../failures.js";
import { nativeProduct, type Product, productKey } from "./products.js";

/** Which kernels products were told to use. The addon keeps this too, but does not tell it. */
export class KernelChoices {
  readonly #names = new Map<string, string>();

  constructor(private readonly device: CudaDevice) {}

  /** The name of the product's kernel; empty where the models choose. */
  of(product: Product): string {
    return this.#names.get(productKey(product)) ?? "";
  }

  /**
   * From now on the product uses the kernel of that name; with an empty one, or one that the
   * device does not have, what the models choose.
   *
   * @returns whether it has the kernel.
   */
  use(product: Product, name: string): boolean {
    const { addon, id } = this.device;
    const known = native("tune", () => addon.useCandidate(id, ...nativeProduct(product), name));
    if (known && name !== "") this.#names.set(productKey(product), name);
    else this.#names.delete(productKey(product));
    return known;
  }
}
