/**
 * The error every package throws, and the argument checks they share.
 *
 * They live here, in the one package with no dependency, because packing is the
 * lowest layer and already has failures to report; `@w4a16/core` re-exports them.
 */
export * from "./checks.js";
export * from "./error.js";
