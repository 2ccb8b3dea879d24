import { MAX_WORKERS } from "@w4a16/core";
import { defineCommand } from "citty";
import { METHODS, type QuantizeReport, quantizeCheckpoint } from "../quantize.js";
import { DEFAULT_EXCLUDE } from "../write/select.js";
import { Arguments } from "./arguments.js";
import { bytes, percent, plural, printJson, printSkipped, table, withProgress } from "./output.js";

/** Layers named as the worst. */
const WORST = 5;

const args = {
  in: {
    type: "positional",
    required: true,
    description: "float checkpoint: file, index or folder",
  },
  out: { type: "positional", required: true, description: "the .safetensors file to write" },
  "group-size": { type: "string", description: "in-features that share a scale", default: "64" },
  method: { type: "string", description: METHODS.join(" or "), default: "hqq" },
  include: {
    type: "string",
    description: `glob of layers; may be repeated (default: all but ${DEFAULT_EXCLUDE.join(" ")})`,
  },
  exclude: { type: "string", description: "glob of layers to leave in float; may be repeated" },
  workers: { type: "string", description: "threads (default: the machine's cores)" },
  json: { type: "boolean", description: "print a report for programs" },
} as const;

export const quantize = defineCommand({
  meta: { name: "quantize", description: "Quantize a float checkpoint to int4" },
  args,
  async run({ rawArgs }) {
    const given = new Arguments(args, rawArgs);
    const options = {
      groupSize: given.integer("group-size", 1),
      method: given.choice("method", METHODS),
      workers: given.integer("workers", 1, MAX_WORKERS),
      include: given.list("include"),
      exclude: given.list("exclude"),
    };
    const report = await withProgress(given.flag("json"), (progress, signal) =>
      quantizeCheckpoint(given.positional("in"), given.positional("out"), {
        ...options,
        signal,
        onProgress: progress.update,
      }),
    );
    if (given.flag("json")) printJson(report);
    else printReport(report);
  },
});

function printReport(report: QuantizeReport): void {
  const { layers, carried, inputBytes, outputBytes, copied, skipped, resumed, seconds } = report;
  const errors = layers.map(({ relative }) => relative);
  const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
  const worst = [...layers].sort((a, b) => b.relative - a.relative).slice(0, WORST);
  console.log(
    table(
      ["worst layers", "N", "K", "relative error", "largest error"],
      worst.map(({ name, outFeatures, inFeatures, relative, largest }) => [
        name,
        String(outFeatures),
        String(inFeatures),
        percent(relative),
        largest.toPrecision(3),
      ]),
    ),
  );
  printSkipped("left in float", skipped);
  if (carried.length > 0)
    console.log(`quantized already, and carried over: ${plural(carried.length, "layer")}`);
  if (resumed > 0)
    console.log(`continued an interrupted run: ${plural(resumed, "finished item")} kept`);
  console.log(
    `${plural(layers.length, "layer")} by ${report.method} in groups of ${report.groupSize}, ` +
      `mean error ${percent(mean)}; ${plural(copied, "tensor")} copied\n` +
      `${bytes(inputBytes)} → ${bytes(outputBytes)} in ${seconds.toFixed(1)} s: ${report.output}`,
  );
}
