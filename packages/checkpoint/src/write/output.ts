/** What `quantize` and `convert` share: items of the output, and checks of its place. */
import { realpath, stat } from "node:fs/promises";
import { resolve, sep } from "node:path";
import { ArgumentError } from "@w4a16/core";
import { CheckpointError, clip, fileError, inLayer } from "../errors.js";
import { loadInOrder } from "../linear/order.js";
import type { LinearLayer } from "../linear/types.js";
import type { TensorInfo, TensorStore } from "../store.js";
import { fitWeight } from "./fit.js";
import type { OutputFormat, WeightShape } from "./formats.js";
import type { WriteItem } from "./resumable.js";

/**
 * A quantized layer that goes to the output in the format there.
 *
 * @param actOrderFix what helps where its in-features are in an order of their own.
 */
export function layerItem(
  { specs, bytes, requirements }: OutputFormat,
  layer: LinearLayer,
  shape: WeightShape,
  requantize: boolean,
  actOrderFix?: string,
): WriteItem<null> {
  return {
    name: layer.name,
    inputBytes: layer.byteLength,
    tensors: specs(layer.name, shape),
    produce: async () => {
      const weight = await loadInOrder(layer, actOrderFix);
      const fitted = fitWeight(layer.name, weight, requirements, requantize);
      try {
        return { bytes: bytes(fitted), note: null };
      } catch (error) {
        throw error instanceof ArgumentError ? inLayer(layer.name, error) : error;
      }
    },
  };
}

/** A tensor that goes to the output as it is. */
export function copyItem(store: TensorStore, tensor: TensorInfo): WriteItem<null> {
  const { name, dtype, shape, byteLength } = tensor;
  return {
    name: `copy ${name}`,
    inputBytes: byteLength,
    tensors: [{ name, dtype, shape }],
    produce: async () => ({ bytes: [await store.read(name)], note: null }),
  };
}

/** What identifies the input of a run: a changed file must not be continued. */
export async function fingerprint(store: TensorStore, settings: object): Promise<string> {
  const files = await Promise.all(
    store.files.map(async (file) => {
      const { size, mtimeMs } = await stat(file).catch((cause) => {
        throw fileError(file, cause, "read");
      });
      return [file, size, mtimeMs];
    }),
  );
  return JSON.stringify({ files, settings });
}

/**
 * Refuses an output that is one of the inputs, or that names or is something else than a
 * file: what is written takes its name, and a folder, a pipe or a device must not lose it.
 */
export async function requireOutput(store: TensorStore, out: string): Promise<void> {
  // "new/" is the file "new" once it is resolved, and its caller wanted a folder.
  const last = out.slice(Math.max(out.lastIndexOf("/"), out.lastIndexOf(sep)) + 1);
  if (["", ".", ".."].includes(last)) throw noFile(out, "the name of a folder");
  const target = await realpath(resolve(out)).catch(() => undefined);
  if (target === undefined) return;
  if (!(await stat(target)).isFile()) throw noFile(out, "a folder, a pipe or a device");
  for (const file of store.files) {
    if ((await realpath(file)) !== target) continue;
    throw new CheckpointError({
      code: "W4A16_OUTPUT_IS_INPUT",
      subject: out,
      expected: "an output beside the input",
      received: "the input itself",
      fix: "Name another output file; the input is never changed.",
    });
  }
}

function noFile(out: string, received: string): CheckpointError {
  return new CheckpointError({
    code: "W4A16_WRITE_FAILED",
    subject: clip(out, 400),
    expected: "the name of a file",
    received,
    fix: "Name a file in a folder that exists.",
  });
}
