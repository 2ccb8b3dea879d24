import type { Int4Weight } from "@w4a16/core";
import { CheckpointError, clip } from "../errors.js";
import type { LinearLayer } from "./types.js";

/**
 * The layer's weight, where its in-features are in the order of the activations.
 *
 * @throws CheckpointError `W4A16_ACT_ORDER` where they are not: no other format keeps that.
 */
export async function loadInOrder(
  layer: LinearLayer,
  fix: string = "Leave the layer out with --exclude, or load it with loadOrderedLinear.",
): Promise<Int4Weight> {
  const { weight, order } = await layer.load();
  if (!order) return weight;
  throw new CheckpointError({
    code: "W4A16_ACT_ORDER",
    subject: `layer ${clip(layer.name)}`,
    expected: "in-features in the order of the activations",
    received: "GPTQ act-order (desc_act): a g_idx that permutes them",
    fix,
  });
}
