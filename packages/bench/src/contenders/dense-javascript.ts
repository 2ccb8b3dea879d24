/** A dense product in plain JavaScript: what the reference device would take without int4. */
import { dequantize } from "@w4a16/core";
import { transposeFloats } from "@w4a16/packing";
import type { Inputs } from "../problem/inputs.js";
import type { BoundProduct, Contender } from "./contender.js";

/** Part of the reduction done at a time: 4 rows of x and 2 columns of W stay in a 32 KB cache. */
const DEPTH = 1024;

export const denseJavaScript: Contender = {
  name: "dense",
  tolerance: 1e-5,
  load: async ({ weight }) => {
    const { outFeatures: n, inFeatures: k } = weight;
    const forward = dequantize(weight);
    let backward: Float32Array | undefined;
    return {
      weight,
      bind: async (inputs) => {
        const w =
          inputs.direction === "matmul" ? forward : (backward ??= transposeFloats(forward, n, k));
        return bind(inputs, w);
      },
      dispose: () => {},
    };
  },
};

function bind(inputs: Inputs, w: Float32Array): BoundProduct {
  const { shape, reduction, width, x } = inputs;
  const y = new Float32Array(shape.m * width);
  const run = () => {
    y.fill(0);
    multiplyDense(y, x, w, shape.m, reduction, width);
  };
  return {
    kernel: "JavaScript on the calling thread, dense",
    outputDtype: "float32",
    run,
    output: async () => {
      run();
      return y;
    },
    dispose: () => {},
  };
}

/** y [m, width] += x [m, reduction] · wᵀ, w [width, reduction]; partial sums in float64. */
function multiplyDense(
  y: Float32Array,
  x: Float32Array,
  w: Float32Array,
  m: number,
  reduction: number,
  width: number,
): void {
  for (let step = 0; step < reduction; step += DEPTH) {
    const steps = Math.min(DEPTH, reduction - step);
    for (let col = 0; col < width; col += 2) {
      for (let row = 0; row < m; row += 4) {
        addBlock(y, x, w, { row, m, col, width, step, steps, reduction });
      }
    }
  }
}

interface BlockPlace {
  readonly row: number;
  readonly m: number;
  readonly col: number;
  readonly width: number;
  readonly step: number;
  readonly steps: number;
  readonly reduction: number;
}

/** Four rows × two columns, eight sums in registers. Rows and columns over the edge repeat the last. */
function addBlock(y: Float32Array, x: Float32Array, w: Float32Array, place: BlockPlace): void {
  const { row, m, col, width, step, steps, reduction } = place;
  const w0 = col * reduction + step;
  const w1 = Math.min(col + 1, width - 1) * reduction + step;
  const x0 = row * reduction + step;
  const x1 = Math.min(row + 1, m - 1) * reduction + step;
  const x2 = Math.min(row + 2, m - 1) * reduction + step;
  const x3 = Math.min(row + 3, m - 1) * reduction + step;
  let s00 = 0;
  let s01 = 0;
  let s10 = 0;
  let s11 = 0;
  let s20 = 0;
  let s21 = 0;
  let s30 = 0;
  let s31 = 0;
  for (let i = 0; i < steps; i++) {
    const a = w[w0 + i]!;
    const b = w[w1 + i]!;
    let value = x[x0 + i]!;
    s00 += value * a;
    s01 += value * b;
    value = x[x1 + i]!;
    s10 += value * a;
    s11 += value * b;
    value = x[x2 + i]!;
    s20 += value * a;
    s21 += value * b;
    value = x[x3 + i]!;
    s30 += value * a;
    s31 += value * b;
  }
  const left = [s00, s10, s20, s30];
  const right = [s01, s11, s21, s31];
  for (let r = 0; r < 4 && row + r < m; r++) {
    const at = (row + r) * width + col;
    y[at]! += left[r]!;
    if (col + 1 < width) y[at + 1]! += right[r]!;
  }
}
