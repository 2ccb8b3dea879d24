/** ONNX Runtime, native or in WebAssembly: int4 (MatMulNBits) and dense float32 (MatMul). */
import { availableParallelism } from "node:os";
import { dequantize, type Int4Weight } from "@w4a16/core";
import { INPUT, matMulModel, matMulNBitsModel, OUTPUT } from "../onnx/model.js";
import {
  toNBits,
  transpose,
  unsupportedByNBits,
  withIntegerZeros,
  type ZeroKind,
} from "../onnx/weight.js";
import type { Inputs } from "../problem/inputs.js";
import {
  Blank,
  type BoundProduct,
  type Contender,
  type LoadedContender,
  type LoadTask,
  MissingPeer,
} from "./contender.js";
import { type FoundPeer, findPeer, type PeerPackage } from "./peers.js";

/** The part of ONNX Runtime's JavaScript interface in use here. */
interface Runtime {
  readonly env: { wasm: { numThreads?: number } };
  readonly InferenceSession: {
    create(model: Uint8Array, options: object): Promise<Session>;
  };
  readonly Tensor: new (type: "float32", data: Float32Array, dims: number[]) => object;
}

interface Session {
  run(
    feeds: Record<string, object>,
    outputs?: Record<string, object>,
  ): Promise<Record<string, { readonly data: Float32Array }>>;
  release(): Promise<void>;
}

/**
 * MatMulNBits. At level 4 activations are rounded to int8, 6e-3 on normal data.
 *
 * @param zeros "integer": the weight's zeros are rounded to codes; "float": as they are.
 */
export function nBitsContender(
  name: string,
  from: PeerPackage,
  level: 0 | 4,
  zeros: ZeroKind,
): Contender {
  return {
    name,
    tolerance: level === 0 ? 1e-4 : 3e-2,
    load: async (task) => {
      const reason = unsupportedByNBits(task.weight);
      if (reason) throw new Blank(reason);
      const peer = requirePeer(from);
      const model = matMulNBitsModel(toNBits(task.weight, zeros), level);
      const weight = zeros === "integer" ? withIntegerZeros(task.weight) : task.weight;
      return openSessions(peer, model, weight, task, "matmul");
    },
  };
}

/** Dense float32 MatMul of the dequantized weight. */
export function denseOnnxContender(): Contender {
  return {
    name: "dense",
    tolerance: 1e-4,
    load: async (task) => {
      const { outFeatures: n, inFeatures: k } = task.weight;
      const peer = requirePeer("onnxruntime-node");
      const values = dequantize(task.weight);
      // Eight times the bytes of int4: fewer copies fill the caches.
      const copies = Math.min(task.copies, Math.max(2, Math.ceil(task.copies / 8)));
      const open = (direction: Inputs["direction"]) =>
        openSessions(
          peer,
          direction === "matmul"
            ? matMulModel(k, n, transpose(values, n, k))
            : matMulModel(n, k, values),
          task.weight,
          { ...task, copies },
          direction,
        );
      return eachDirection(task.weight, open);
    },
  };
}

/** What a peer is and how it is set up, for the results. */
export function describePeer(name: PeerPackage, warm: boolean): string | undefined {
  const peer = findPeer(name);
  if (!peer) return undefined;
  const spinning = name === "onnxruntime-web" || warm ? "" : ", no spinning";
  return `${peer.version}, float32 activations, ${availableParallelism()} threads${spinning}`;
}

function requirePeer(name: PeerPackage): FoundPeer {
  const peer = findPeer(name);
  if (!peer) throw new MissingPeer(`${name} is not installed`);
  return peer;
}

/** Opens what a direction needs when it is first asked for. */
function eachDirection(
  weight: Int4Weight,
  open: (direction: Inputs["direction"]) => Promise<LoadedContender>,
): LoadedContender {
  const opened = new Map<string, Promise<LoadedContender>>();
  return {
    weight,
    bind: async (inputs, copies) => {
      const { direction } = inputs;
      if (!opened.has(direction)) opened.set(direction, open(direction));
      return (await opened.get(direction)!).bind(inputs, copies);
    },
    dispose: async () => {
      for (const loaded of opened.values()) await (await loaded).dispose();
    },
  };
}

/**
 * One session for each copy of the weight. Sessions that take turns would find
 * each other's threads spinning, so spinning is off unless runs follow each other.
 */
async function openSessions(
  peer: FoundPeer,
  model: Uint8Array,
  weight: Int4Weight,
  { copies, warm }: LoadTask,
  direction: Inputs["direction"],
): Promise<LoadedContender> {
  const runtime = peer.module as Runtime;
  const threads = availableParallelism();
  runtime.env.wasm.numThreads = threads;
  const native = peer.name === "onnxruntime-node";
  const sessions: Session[] = [];
  for (let i = 0; i < copies; i++) {
    sessions.push(
      await runtime.InferenceSession.create(model, {
        // Both register in one place; without a name the native one would run for both.
        executionProviders: [native ? "cpu" : "wasm"],
        logSeverityLevel: 3,
        intraOpNumThreads: threads,
        extra: { session: { intra_op: { allow_spinning: warm ? "1" : "0" } } },
      }),
    );
  }
  return {
    weight,
    bind: async (inputs, activationCopies) => {
      if (inputs.direction !== direction) throw new Blank("it has no transposed product");
      return bindSessions(runtime, sessions, inputs, activationCopies, native);
    },
    dispose: async () => {
      for (const session of sessions) await session.release();
    },
  };
}

function bindSessions(
  runtime: Runtime,
  sessions: readonly Session[],
  { shape, x, reduction, width }: Inputs,
  copies: number,
  native: boolean,
): BoundProduct {
  const operands = Array.from({ length: copies }, (_, i) => {
    const tensor = (data: Float32Array, columns: number) =>
      new runtime.Tensor("float32", data, [shape.m, columns]);
    const feeds = { [INPUT]: tensor(i === 0 ? x : x.slice(), reduction) };
    // The native runtime writes into a given output, as the device under test
    // does; the one in WebAssembly returns a new one and leaves this as it was.
    const outputs = { [OUTPUT]: tensor(new Float32Array(shape.m * width), width) };
    return { feeds, outputs };
  });
  const run = (turn: number) => {
    const session = sessions[turn % sessions.length]!;
    const { feeds, outputs } = operands[turn % operands.length]!;
    return native ? session.run(feeds, outputs) : session.run(feeds);
  };
  return {
    kernel: "ONNX Runtime",
    outputDtype: "float32",
    run: async (turn) => {
      await run(turn);
    },
    output: async () => (await run(0))[OUTPUT]!.data,
    spins: true,
    dispose: () => {},
  };
}
