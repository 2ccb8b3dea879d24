import Table from "cli-table3";
import type { LayerResult, Product } from "./layer.js";

/** The results as a table, one row a layer. */
export function formatTable(results: readonly LayerResult[], fusedApart: boolean): string {
  const table = new Table({
    head: [
      "layer",
      "N × K",
      "KB\nfloat32 → int4",
      "weight error\nmin–max → HQQ",
      "output error\n(quantization)",
      "product error\nX·Wᵀ  dY·W",
      ...(fusedApart ? ["fused µs (GFLOP/s)\nX·Wᵀ  dY·W"] : []),
      "unfused µs (GFLOP/s)\nX·Wᵀ  dY·W",
    ],
    colAligns: ["left", ...Array<"right">(7).fill("right")],
    style: { head: [], border: [], compact: true },
  });
  for (const { layer, fused, unfused, ...result } of results) {
    table.push([
      layer.name,
      `${layer.outFeatures} × ${layer.inFeatures}`,
      `${kilobytes(result.bytesBefore)} → ${kilobytes(result.bytesAfter)}`,
      `${percent(result.minMaxError)} → ${percent(result.hqqError)}`,
      percent(result.outputError),
      `${scientific(fused.matmul.error)}  ${scientific(fused.matmulTransposed.error)}`,
      ...(fusedApart ? [timing(fused.matmul, fused.matmulTransposed)] : []),
      timing(unfused.matmul, unfused.matmulTransposed),
    ]);
  }
  return table.toString();
}

/** Everything that is out of bounds, in words; empty when all is well. */
export function findFailures(results: readonly LayerResult[]): string[] {
  const failures: string[] = [];
  for (const { layer, fused, unfused, minMaxError, hqqError } of results) {
    for (const [kind, products] of Object.entries({ fused, unfused })) {
      for (const [direction, { error, bound }] of Object.entries(products)) {
        if (error <= bound) continue;
        failures.push(`${layer.name}: ${kind} ${direction} is off by ${error}, allowed ${bound}`);
      }
    }
    // Groups of 64 of a normal distribution lose about 9% to 4 bits.
    for (const [method, error] of Object.entries({ "min–max": minMaxError, HQQ: hqqError })) {
      if (error <= 0.15) continue;
      failures.push(`${layer.name}: the ${method} weight is off by ${error}, allowed 0.15`);
    }
  }
  return failures;
}

function timing(...products: Product[]): string {
  return products
    .map(({ microseconds, gflops }) => `${microseconds.toFixed(0)} (${gflops.toFixed(1)})`)
    .join("  ");
}

function kilobytes(bytes: number): string {
  return (bytes / 1000).toFixed(0);
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(2)}%`;
}

function scientific(value: number): string {
  return value.toExponential(1);
}
