import type { Device } from "@w4a16/core";
import { describe, expect, it } from "vitest";
import { peerPackagesOf } from "../src/contenders/registry.js";
import { PEERS } from "../src/settings.js";

const host = (backend: string) => ({ backend }) as Device;
const gpu = { backend: "cuda", benchmark: { time: async () => [] } } as unknown as Device;

describe("peerPackagesOf", () => {
  it("is ONNX Runtime, native and in WebAssembly, on the host", () => {
    const both = ["onnxruntime-node", "onnxruntime-web"];
    expect(peerPackagesOf(host("cpu"), PEERS)).toEqual(both);
    expect(peerPackagesOf(host("reference"), PEERS)).toEqual(both);
    expect(peerPackagesOf(host("cpu"), ["onnxruntime4"])).toEqual(["onnxruntime-node"]);
    expect(peerPackagesOf(host("cpu"), ["unfused"])).toEqual([]);
  });

  it("counts the dense product of the CPU, which is ONNX Runtime's", () => {
    expect(peerPackagesOf(host("cpu"), ["dense"])).toEqual(["onnxruntime-node"]);
    expect(peerPackagesOf(host("reference"), ["dense"])).toEqual([]);
  });

  it("is none where the device has its own clock: only its own products take part", () => {
    expect(peerPackagesOf(gpu, PEERS)).toEqual([]);
  });
});
