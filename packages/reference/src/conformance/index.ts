/**
 * The test suite that every device passes, on vitest.
 *
 * ```ts
 * import { describeDevice } from "@w4a16/reference/conformance";
 * describeDevice(cpu, { tolerances: { float16: { frobenius: 2e-5, scaled: 1e-4 } } });
 * ```
 *
 * @packageDocumentation
 */
import type { Backend } from "@w4a16/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeErrors } from "./errors.js";
import { expectRejection } from "./expect.js";
import { describeIdentities } from "./identities.js";
import { describeLayouts } from "./layouts.js";
import { describeLifetimes } from "./lifetimes.js";
import { describeOrdering } from "./ordering.js";
import { describeShapes } from "./shapes.js";
import { type ConformanceOptions, Suite } from "./suite.js";
import { describeValues } from "./values.js";

export type { ConformanceOptions, Tolerance } from "./suite.js";

/**
 * Declares the suite for devices of `backend`. Where the backend is not
 * available, it is skipped, and its title says why.
 */
export function describeDevice<Options extends object>(
  backend: Backend<Options>,
  options: ConformanceOptions<Options> = {},
): void {
  const title = options.title ?? backend.name;
  const availability = backend.availability();
  if (!availability.available) {
    it(`${title} refuses to open where it is not available`, async () => {
      await expectRejection(() => backend.open(), "W4A16_DEVICE_UNAVAILABLE");
    });
  }
  const skip = options.skip ?? (availability.available ? undefined : availability.reason);
  if (skip !== undefined) {
    describe.skip(`${title} (skipped: ${skip})`, () => {
      it("conforms", () => {});
    });
    return;
  }
  describe(title, () => {
    const suite = new Suite(backend, options);
    beforeAll(() => suite.start());
    afterAll(() => suite.stop());
    it("says what it is", () => {
      expect(suite.device.backend).toBe(backend.name);
      expect(suite.device.description).not.toBe("");
      expect(suite.device.disposed).toBe(false);
    });
    describe("shapes", () => describeShapes(suite));
    describe("special values", () => describeValues(suite));
    describe("layouts", () => describeLayouts(suite));
    describe("identities", () => describeIdentities(suite));
    describe("ordering", () => describeOrdering(suite));
    describe("lifetimes", () => describeLifetimes(suite));
    describe("errors", () => describeErrors(suite));
  });
}
