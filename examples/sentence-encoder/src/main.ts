/**
 * The main job: takes the ten linear layers of a real sentence encoder to int4,
 * multiplies activations with them forward and transposed on the best device
 * present, checks every product against float64, and prints what it found.
 */
import { Presets, SingleBar } from "cli-progress";
import { AbortedError, isW4A16Error, openDevice, reference } from "w4a16";
import { readLayers } from "./encoder.js";
import { type LayerResult, runLayer } from "./layer.js";
import { type Options, readOptions } from "./options.js";
import { findFailures, formatTable } from "./report.js";

const options = readOptions(process.argv.slice(2));
const abort = new AbortController();
process.once("SIGINT", () => abort.abort("interrupted"));

// A reader that left early has what it wanted; figures that were lost on a full disk are a failure.
process.stdout.on("error", ({ code, message }: NodeJS.ErrnoException) => {
  if (code === "EPIPE") process.exit(0);
  console.error(`The output could not be written: ${message}`);
  process.exit(1);
});

try {
  process.exitCode = await main(options, abort.signal);
} catch (error) {
  if (!isW4A16Error(error)) throw error;
  console.error(error instanceof AbortedError ? "\nInterrupted." : error.message);
  process.exitCode = error instanceof AbortedError ? 130 : 1;
}

async function main({ device: name, rows, groupSize }: Options, signal: AbortSignal) {
  const started = performance.now();
  using device = await openDevice(name, {
    onSkip: (skipped, { reason, fix }) => console.log(`Not on ${skipped}: ${reason}. ${fix}`),
  });
  const fusedApart = device.backend !== reference.name;
  using baseline = fusedApart ? await reference.open() : device;
  console.log(`Device: ${device.description}`);
  console.log(`M = ${rows} rows of bfloat16 activations, HQQ at 4 bits, groups of ${groupSize}\n`);

  const layers = await readLayers();
  const results: LayerResult[] = [];
  const bar = new SingleBar(
    // Its own way to end on Ctrl-C would end the process before the message.
    {
      format: "{bar} {value}% {layer}",
      hideCursor: true,
      clearOnComplete: true,
      gracefulExit: false,
    },
    Presets.shades_grey,
  );
  if (process.stdout.isTTY) bar.start(100, 0, { layer: "" });
  try {
    for (const [index, layer] of layers.entries()) {
      const onProgress = (fraction: number) =>
        bar.update(Math.floor((100 * (index + fraction)) / layers.length), { layer: layer.name });
      const settings = { device, baseline, rows, groupSize, seed: index + 1, signal, onProgress };
      results.push(await runLayer(layer, settings));
      if (!process.stdout.isTTY) console.log(`${index + 1}/${layers.length} ${layer.name}`);
    }
  } finally {
    bar.stop();
  }
  console.log(formatTable(results, fusedApart));

  const failures = findFailures(results);
  for (const failure of failures) console.error(failure);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const products = (fusedApart ? 4 : 2) * results.length;
  console.log(
    failures.length === 0
      ? `All ${products} products agree with float64. ${seconds} s`
      : `${failures.length} results are out of bounds. ${seconds} s`,
  );
  return failures.length === 0 ? 0 : 1;
}
