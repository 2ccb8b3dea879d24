import { createRequire } from "node:module";

/** The package's version; from dist/ and from src/cli/ the manifest is found by its name. */
export const version: string = createRequire(import.meta.url)(
  "@w4a16/checkpoint/package.json",
).version;
