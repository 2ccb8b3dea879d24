/**
 * Act-order ("desc_act"): in-features were quantized in another order than they
 * are stored, and g_idx [K] tells the group of each. Sorting in-features by group
 * makes groups contiguous again; activations are then gathered in the same order.
 */
import { ArgumentError, requireInstance, requireInteger, requireLength } from "./errors.js";
import { requireLinear, requireRowInterleave } from "./linear.js";
import type { LinearShape } from "./row-interleave.js";

/**
 * The in-features of each group, group by group, from g_idx [K]: element i is the
 * stored in-feature that comes i-th. `undefined` where that is the stored order.
 *
 * @throws ArgumentError unless each group has exactly `groupSize` in-features.
 */
export function gatherOrder(gIdx: Int32Array, groupSize: number): Uint32Array | undefined {
  requireInstance("gIdx", gIdx, [Int32Array]);
  requireInteger("groupSize", groupSize, 1);
  const groups = gIdx.length / groupSize;
  const filled = new Uint32Array(Math.ceil(groups));
  const order = new Uint32Array(gIdx.length);
  let sorted = true;
  for (let k = 0; k < gIdx.length; k++) {
    const group = gIdx[k]!;
    const place = filled[group];
    if (place === undefined || place >= groupSize || !Number.isInteger(groups)) {
      throw new ArgumentError({
        code: "W4A16_INVALID_VALUE",
        subject: `gIdx[${k}]`,
        expected: `each of the groups 0 to ${groups - 1}, ${groupSize} times`,
        received: String(group),
        fix: "Check that g_idx belongs to this layer and group size.",
      });
    }
    filled[group] = place + 1;
    const at = group * groupSize + place;
    order[at] = k;
    if (at !== k) sorted = false;
  }
  return sorted ? undefined : order;
}

/** Row-interleaved bytes whose in-feature i is in-feature `order[i]` of `packed`. */
export function gatherInFeatures(
  packed: Uint8Array,
  shape: LinearShape,
  order: Uint32Array,
): Uint8Array {
  const { n, k } = requireLinear(shape, { layout: "row interleave" });
  requireRowInterleave(packed, n, k);
  requireInstance("order", order, [Uint32Array]);
  requireLength("order", order, k, "[inFeatures]");
  for (let i = 0; i < k; i++) {
    if (order[i]! < k) continue;
    throw new ArgumentError({
      code: "W4A16_INVALID_VALUE",
      subject: `order[${i}]`,
      expected: `an in-feature from 0 to ${k - 1}`,
      received: String(order[i]),
      fix: "Pass what gatherOrder made for this layer.",
    });
  }
  const gathered = new Uint8Array(packed.length);
  for (let i = 0; i < k; i++) {
    const source = order[i]!;
    const from = (source >> 1) * n;
    const into = (i >> 1) * n;
    const down = 4 * (source & 1);
    const up = 4 * (i & 1);
    for (let c = 0; c < n; c++) {
      gathered[into + c]! |= ((packed[from + c]! >> down) & 15) << up;
    }
  }
  return gathered;
}
