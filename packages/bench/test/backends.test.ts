import { reference } from "@w4a16/reference";
import { describe, expect, it } from "vitest";
import { loadBackend, loadBackends } from "../src/backends.js";

describe("loadBackend", () => {
  it("finds the backend of that name among a module's exports", async () => {
    const module = { version: 1, text: "reference", other: null, reference };
    expect(await loadBackend("reference", async () => module)).toBe(reference);
  });

  it("says that a package is not installed", async () => {
    const missing = Object.assign(new Error("Cannot find package"), {
      code: "ERR_MODULE_NOT_FOUND",
    });
    const backend = await loadBackend("cuda", () => Promise.reject(missing));
    expect(backend.name).toBe("cuda");
    expect(backend.availability()).toEqual({
      available: false,
      reason: "its package is not installed",
      fix: "Install @w4a16/cuda-kernel and build it.",
    });
  });

  it("passes on why a package cannot be loaded", async () => {
    const backend = await loadBackend("cpu", () => Promise.reject(new Error("broken addon")));
    expect(backend.availability()).toMatchObject({ reason: "Error: broken addon" });
  });

  it("says that a package has no such backend", async () => {
    const backend = await loadBackend("cpu", async () => ({ reference }));
    expect(backend.availability()).toMatchObject({
      reason: "its package exports no backend called cpu",
    });
  });
});

it("every device is in the list, the reference last", async () => {
  const backends = await loadBackends();
  expect(backends.map(({ name }) => name)).toEqual(["cuda", "cpu", "reference"]);
  for (const backend of backends) expect(() => backend.availability()).not.toThrow();
});
