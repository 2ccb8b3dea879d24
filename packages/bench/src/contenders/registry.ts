/** The contenders of a device: itself first, then the peers asked for. */
import { type Device, type DType, openAvailable } from "@w4a16/core";
import { reference } from "@w4a16/reference";
import { benchmarkOf } from "../device-hooks.js";
import type { Peer } from "../settings.js";
import type { Contender } from "./contender.js";
import { denseJavaScript } from "./dense-javascript.js";
import { deviceContender, deviceDenseContender } from "./device.js";
import { denseOnnxContender, nBitsContender } from "./onnxruntime.js";
import type { PeerPackage } from "./peers.js";

export interface Field {
  /** The device's own product: "fused", or "unfused" where it has no other. */
  readonly own: Contender;
  readonly others: readonly Contender[];
  dispose(): void;
}

/**
 * Who takes part for `device`. On a device with a clock of its own (a GPU) the
 * others are its unfused and dense products; on the host they are ONNX Runtime
 * too, and the reference device stands for unfused.
 */
export async function contendersOf(
  device: Device,
  dtype: DType,
  peers: readonly Peer[],
): Promise<Field> {
  const hooks = benchmarkOf(device);
  const wanted = (peer: Peer) => peers.includes(peer);
  if (hooks.time) {
    const others: Contender[] = [];
    if (wanted("unfused") && hooks.unfused) {
      others.push(deviceContender("unfused", device, dtype, hooks.unfused));
    }
    if (wanted("dense") && hooks.loadDense) others.push(deviceDenseContender(device, dtype));
    return { own: deviceContender("fused", device, dtype), others, dispose: () => {} };
  }
  const runtimes = onnxRuntimes(peers);
  if (device.backend === "reference") {
    const dense = wanted("dense") ? [denseJavaScript] : [];
    const own = deviceContender("unfused", device, dtype);
    return { own, others: [...dense, ...runtimes], dispose: () => {} };
  }
  const baseline = wanted("unfused") ? await openAvailable(reference) : undefined;
  return {
    own: deviceContender("fused", device, dtype),
    others: [
      ...(baseline ? [deviceContender("unfused", baseline, dtype)] : []),
      ...(wanted("dense") ? [denseOnnxContender()] : []),
      ...runtimes,
    ],
    dispose: () => baseline?.dispose(),
  };
}

/** The packages that {@link contendersOf} needs for the same `device` and `peers`. */
export function peerPackagesOf(device: Device, peers: readonly Peer[]): PeerPackage[] {
  if (benchmarkOf(device).time) return [];
  const dense = device.backend !== "reference" && peers.includes("dense");
  const packages: PeerPackage[] = [];
  if (dense || peers.some((peer) => /^onnxruntime\d/.test(peer))) packages.push("onnxruntime-node");
  if (peers.includes("onnxruntime-web")) packages.push("onnxruntime-web");
  return packages;
}

function onnxRuntimes(peers: readonly Peer[]): Contender[] {
  const all: Contender[] = [
    nBitsContender("onnxruntime0", "onnxruntime-node", 0, "integer"),
    nBitsContender("onnxruntime4", "onnxruntime-node", 4, "integer"),
    nBitsContender("onnxruntime0-float", "onnxruntime-node", 0, "float"),
    nBitsContender("onnxruntime4-float", "onnxruntime-node", 4, "float"),
    nBitsContender("onnxruntime-web", "onnxruntime-web", 4, "integer"),
  ];
  return all.filter(({ name }) => peers.includes(name as Peer));
}
