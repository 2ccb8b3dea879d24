import { defineCommand } from "citty";
import { convertCheckpoint, OUTPUT_FORMATS } from "../convert.js";
import { Arguments } from "./arguments.js";
import { bytes, plural, printJson, printSkipped, withProgress } from "./output.js";

const args = {
  in: {
    type: "positional",
    required: true,
    description: "quantized checkpoint: file, index or folder",
  },
  out: {
    type: "positional",
    required: true,
    description: "the file to write; for onnx, the folder",
  },
  to: { type: "string", description: OUTPUT_FORMATS.join(", ") },
  include: { type: "string", description: "glob of layers; may be repeated (default: all)" },
  exclude: { type: "string", description: "glob of layers to leave out; may be repeated" },
  requantize: {
    type: "boolean",
    description: "choose new codes where the format would lose real-valued zeros",
  },
  json: { type: "boolean", description: "print a report for programs" },
} as const;

export const convert = defineCommand({
  meta: { name: "convert", description: "Convert a quantized checkpoint to another format" },
  args,
  async run({ rawArgs }) {
    const given = new Arguments(args, rawArgs);
    const to = given.choice("to", OUTPUT_FORMATS);
    const include = given.list("include");
    const exclude = given.list("exclude");
    const report = await withProgress(given.flag("json"), (progress, signal) =>
      convertCheckpoint(given.positional("in"), given.positional("out"), {
        to,
        include,
        exclude,
        requantize: given.flag("requantize"),
        signal,
        onProgress: progress.update,
      }),
    );
    if (given.flag("json")) {
      printJson(report);
      return;
    }
    printSkipped("left out", report.skipped);
    console.log(
      `${plural(report.layers.length, "layer")} to ${to}, ${plural(report.copied, "tensor")} copied: ` +
        `${bytes(report.inputBytes)} → ${bytes(report.outputBytes)}: ${report.output}`,
    );
  },
});
