import type { Device } from "@w4a16/core";
import type { Reporter } from "../reporter.js";
import type { Settings } from "../settings.js";

/** What every suite is given. */
export interface SuiteContext {
  readonly device: Device;
  readonly settings: Settings;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}
