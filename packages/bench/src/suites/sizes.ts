import type { Suite } from "../settings.js";

/** The weight [N, K] of the suites that have shapes of their own. */
export const N = 4096;
export const K = 4096;

/** Those that make it in groups: the group size must divide K. */
export const GROUPED_SUITES: readonly Suite[] = ["quantize", "load", "memory"];
