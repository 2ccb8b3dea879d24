/** What becomes of handles when calls fail, on an addon that only pretends. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { DeviceError } from "@w4a16/core";
import { randomInt4Weight, seededRandom } from "@w4a16/reference/testing";
import { describe, expect, it } from "vitest";
import { CudaDevice } from "../src/index.js";
import type { NativeAddon } from "../src/native.js";
import { type FakeAddon, fakeAddon, nativeError } from "./helpers/fake-addon.js";
import { FAKE_INFO } from "./helpers/fake-device.mjs";

const broken = () => {
  throw nativeError("NATIVE_FAILURE", "the GPU fell off the bus");
};

function open(hooks: Partial<NativeAddon> = {}): FakeAddon & { readonly device: CudaDevice } {
  const log: string[] = [];
  let next = 1000;
  const made = fakeAddon({
    close: () => void log.push("close"),
    loadWeight: () => next++,
    freeWeight: () => {},
    createStream: () => next++,
    destroyStream: () => {},
    useStream: (_, stream) => void log.push(`use ${stream}`),
    beginCapture: () => {},
    endCapture: () => next++,
    abandonCapture: () => void log.push("abandon"),
    ...hooks,
  });
  return { ...made, log, device: new CudaDevice(made.addon, FAKE_INFO) };
}

describe("a call that fails", () => {
  it("gives back what it had made: dequantize()", () => {
    const { device, live } = open({ dequantize: broken });
    const weight = device.loadWeight(
      randomInt4Weight(seededRandom(1), { outFeatures: 8, inFeatures: 64 }),
    );
    expect(() => weight.dequantize("float16")).toThrow(DeviceError);
    expect([...live]).toEqual([]);
  });

  it("leaves a capture's graph, where it gives back what the capture disposed of", () => {
    const { device } = open({ free: broken });
    const tensors = [device.tensor([8], "float32"), device.tensor([8], "float32")];
    const graph = device.capture(() => tensors.forEach((tensor) => void tensor.dispose()));
    expect(graph.disposed).toBe(false);
  });

  it("is an error and not the end of the process: read() without memory for its elements", async () => {
    const { device } = open({ download: broken });
    const huge = device.tensor([2 ** 45], "float16");
    await expect(huge.read()).rejects.toMatchObject({ code: "W4A16_OUT_OF_MEMORY" });
  });
});

describe("what is disposed while it is in use", () => {
  it("a device in a capture of its own", () => {
    const { device, log } = open();
    expect(() => device.capture(() => device.dispose())).toThrow(
      expect.objectContaining({ code: "W4A16_DISPOSED" }),
    );
    expect(log).toEqual(["close"]);
  });

  it("a device in one of its streams", () => {
    const { device, log } = open();
    const stream = device.createStream();
    expect(stream.run(() => device.dispose())).toBeUndefined();
    expect(log).toEqual(["use 1000", "close"]);
  });

  it("the stream to go back to", () => {
    const { device, log } = open();
    const [outer, inner] = [device.createStream(), device.createStream()];
    outer.run(() => inner.run(() => outer.dispose()));
    expect(log).toEqual(["use 1000", "use 1001", "use 0", "use 0"]);
  });
});

describe("what is forgotten", () => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  async function collected(until: () => boolean): Promise<void> {
    for (let i = 0; i < 50 && !until(); i++) {
      gc();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  it("a device is closed", async () => {
    const log: string[] = [];
    (() => void open({ close: () => void log.push("close") }).device.tensor([8], "float32"))();
    await collected(() => log.length > 0);
    expect(log).toEqual(["close"]);
  });

  it("does not end the process where it cannot be freed", async () => {
    let tried = 0;
    const { device } = open({
      free: () => {
        tried++;
        broken();
      },
    });
    (() => void device.tensor([8], "float32"))();
    await collected(() => tried > 0);
    await new Promise((resolve) => setTimeout(resolve, 10)); // an uncaught exception would fail the run
    expect(tried).toBe(1);
    expect(device.disposed).toBe(false);
  });
});
