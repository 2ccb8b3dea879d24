/** The problem sizes a run goes through. */
import { invalidValue } from "./invalid-value.js";

/** Y [M, N] = X [M, K] · Wᵀ. */
export interface Shape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

const squareLayer = (n: number, rows: readonly number[]): Shape[] =>
  rows.map((m) => ({ m, n, k: n }));

/** Linear layers of an 8-billion-parameter language model, [N, K]: attention output, QKV, both of the MLP. */
const LLM_LAYERS = [
  [4096, 4096],
  [6144, 4096],
  [14336, 4096],
  [4096, 14336],
] as const;

const SETS: Readonly<Record<string, readonly Shape[]>> = {
  square: squareLayer(4096, [16, 32, 128, 256, 512, 1024]),
  llm: LLM_LAYERS.flatMap(([n, k]) => [1, 16, 128, 512].map((m) => ({ m, n, k }))),
  quick: squareLayer(1024, [1, 16, 128]),
};

export const SHAPE_SETS: readonly string[] = Object.keys(SETS);

/**
 * Parses a set's name, or a list such as "16,4096,4096;1,1024,4096".
 *
 * @throws ArgumentError `W4A16_INVALID_VALUE`.
 */
export function parseShapes(text: string): readonly Shape[] {
  if (Object.hasOwn(SETS, text)) return SETS[text]!;
  const parts = text.split(";").filter((part) => part.trim() !== "");
  const shapes = parts.map(parseShape);
  if (shapes.length > 0 && shapes.every((shape) => shape !== undefined)) return shapes;
  throw invalidValue(
    "--shapes",
    `${SHAPE_SETS.join(", ")}, or "M,N,K;…" of whole numbers from 1, K even`,
    text,
    'For example --shapes "16,4096,4096;128,14336,4096".',
  );
}

function parseShape(text: string): Shape | undefined {
  const sizes = text.split(",").map((size) => (size.trim() === "" ? Number.NaN : Number(size)));
  const [m, n, k] = sizes;
  const whole = sizes.every((size) => Number.isSafeInteger(size) && size >= 1);
  if (sizes.length !== 3 || !whole || k! % 2 !== 0) return undefined;
  return { m: m!, n: n!, k: k! };
}
