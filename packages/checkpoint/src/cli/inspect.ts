import { defineCommand } from "citty";
import { openCheckpoint } from "../checkpoint.js";
import { totalBytes } from "../store.js";
import { Arguments } from "./arguments.js";
import { bytes, printable, printJson, table } from "./output.js";

const args = {
  file: { type: "positional", required: true, description: "checkpoint: file, index or folder" },
  json: { type: "boolean", description: "print a report for programs" },
} as const;

export const inspect = defineCommand({
  meta: { name: "inspect", description: "List a checkpoint's layers, formats, shapes and sizes" },
  args,
  async run({ rawArgs }) {
    const given = new Arguments(args, rawArgs);
    await using checkpoint = await openCheckpoint(given.positional("file"));
    const { store } = checkpoint;
    const layers = [...checkpoint.layers.values()].map(({ load, tensors, ...layer }) => layer);
    const owned = new Set([...checkpoint.layers.values()].flatMap(({ tensors }) => tensors));
    const others = [...store.tensors.values()].filter(({ name }) => !owned.has(name));
    const total = totalBytes(store);
    if (given.flag("json")) {
      const metadata = Object.fromEntries(store.metadata);
      printJson({
        path: store.path,
        container: store.container,
        bytes: total,
        metadata,
        layers,
        others,
      });
      return;
    }
    if (layers.length > 0) {
      console.log(
        table(
          ["layer", "format", "N", "K", "group", "size"],
          layers.map(({ name, format, outFeatures, inFeatures, groupSize, byteLength }) => [
            name,
            format,
            String(outFeatures),
            String(inFeatures),
            String(groupSize ?? ""),
            bytes(byteLength),
          ]),
        ),
      );
    }
    if (others.length > 0) {
      console.log(
        table(
          ["other tensors", "dtype", "shape", "size"],
          others.map(({ name, dtype, shape, byteLength }) => [
            name,
            dtype,
            `[${shape.join(", ")}]`,
            bytes(byteLength),
          ]),
        ),
      );
    }
    const counts = new Map<string, number>();
    for (const { format } of layers) counts.set(format, (counts.get(format) ?? 0) + 1);
    const summary = [...counts].map(([format, count]) => `${count} ${format}`).join(", ");
    console.log(
      `${printable(store.path)}: ${store.container}, ${bytes(total)}; ` +
        `layers: ${summary || "none"}; other tensors: ${others.length}`,
    );
  },
});
