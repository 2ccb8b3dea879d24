import { defineCommand } from "citty";
import { type VerifyReport, verifyCheckpoint } from "../verify.js";
import { Arguments, usageError } from "./arguments.js";
import { percent, plural, printable, printJson, table, withProgress } from "./output.js";

const args = {
  file: {
    type: "positional",
    required: true,
    description: "checkpoint to check: file, index or folder",
  },
  against: { type: "string", description: "the checkpoint it was made from" },
  "max-error": {
    type: "string",
    description: "largest relative error of a layer",
    default: "0.2",
  },
  json: { type: "boolean", description: "print a report for programs" },
} as const;

export const verify = defineCommand({
  meta: { name: "verify", description: "Compare a quantized checkpoint with its original" },
  args,
  async run({ rawArgs }) {
    const given = new Arguments(args, rawArgs);
    const file = given.positional("file");
    const against = given.text("against");
    if (!against) throw usageError("--against", "the original checkpoint", "nothing");
    const maxError = given.notNegative("max-error");
    const report = await withProgress(given.flag("json"), (progress, signal) =>
      verifyCheckpoint(file, { against, maxError, signal, onProgress: progress.update }),
    );
    if (given.flag("json")) printJson(report);
    else printReport(report);
    if (!report.ok) process.exitCode = 1;
  },
});

function printReport({ layers, problems, identical, maxError, ok }: VerifyReport): void {
  const error = (relative: number | undefined) => (relative === undefined ? "" : percent(relative));
  console.log(
    table(
      ["layer", "relative error", "largest error", "problem"],
      [...layers]
        .sort((a, b) => (b.relative ?? Infinity) - (a.relative ?? Infinity))
        .map(({ name, relative, largest, problem }) => [
          name,
          error(relative),
          largest?.toPrecision(3) ?? "",
          problem ?? "",
        ]),
    ),
  );
  for (const { name, problem } of problems) console.log(`${printable(name)}: ${problem}`);
  console.log(
    `${plural(layers.length, "layer")} compared, ${plural(identical, "other tensor")} identical: ` +
      (ok ? `all within ${percent(maxError)}` : "NOT the same model"),
  );
}
