import { type Backend, requireName, requireOptions } from "@w4a16/core";
import { ReferenceDevice } from "./device.js";
import { PRECISIONS, type Precision } from "./multiply/panels.js";

/** What `reference.open` takes. */
export interface ReferenceOptions {
  /**
   * `"float32"`, the default: W = (code − zero) · scale is rounded to float32
   * at each step, as core's `dequantize` does. `"float64"`: W is not rounded.
   * At either, products are summed in float64 and an output is rounded once.
   */
  readonly precision?: Precision | undefined;
}

/**
 * The device that runs anywhere: it dequantizes, then multiplies. It computes
 * inside `matmul`, on the calling thread, so a result is ready when the call
 * returns; `read()` copies.
 */
export const reference: Backend<ReferenceOptions> = {
  name: "reference",
  availability: () => ({ available: true }),
  open: async (options = {}) => {
    requireOptions("options", options, ["precision"]);
    const precision = requireName("precision", options.precision ?? "float32", PRECISIONS);
    return new ReferenceDevice(precision);
  },
};
