import type { Settings } from "../../src/settings.js";

/** Settings of a run of the main suite, in both directions, on small groups. */
export function matmulSettings(
  own: Pick<Settings, "device" | "shapes" | "peers" | "budget">,
): Settings {
  return {
    suites: ["matmul"],
    dtype: "bfloat16",
    groupSize: 32,
    directions: ["matmul", "matmulTransposed"],
    warm: false,
    ...own,
  };
}
