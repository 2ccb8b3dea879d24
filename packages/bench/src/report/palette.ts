/**
 * Colours of charts, light and dark. Charts are drawn once, with the light
 * colours, and then refer to CSS variables, so that one SVG serves both.
 */

interface Colour {
  readonly light: string;
  readonly dark: string;
}

/** Text and rules. No colour may appear twice: its value finds it again in the drawing. */
export const INK = {
  text: { light: "#1f2430", dark: "#e3e6ee" },
  faint: { light: "#6a7182", dark: "#9aa2b5" },
  grid: { light: "#e4e7ee", dark: "#2c3240" },
  floor: { light: "#8a90a0", dark: "#757d90" },
} as const satisfies Record<string, Colour>;

/** By contender; told apart by people who see no red and green, after Okabe and Ito. */
const SERIES: Readonly<Record<string, Colour>> = {
  fused: { light: "#d55e01", dark: "#ff8a3c" },
  unfused: { light: "#7a5195", dark: "#c39ae0" },
  dense: { light: "#0072b2", dark: "#58b4ee" },
  onnxruntime0: { light: "#009e73", dark: "#35d6a8" },
  onnxruntime4: { light: "#b8860c", dark: "#efc24b" },
  "onnxruntime0-float": { light: "#cc79a7", dark: "#f2a7cf" },
  "onnxruntime4-float": { light: "#8c564b", dark: "#c8978b" },
  "onnxruntime-web": { light: "#56808f", dark: "#8fc3d4" },
};

const OTHER: Colour = { light: "#555b69", dark: "#b4bac8" };

export function colourOf(contender: string): Colour {
  return SERIES[contender] ?? OTHER;
}

const ALL: readonly (readonly [name: string, colour: Colour])[] = [
  ...Object.entries(INK),
  ...Object.entries(SERIES),
  ["other", OTHER],
];

/** CSS that sets the variables, for the page or the drawing that `selector` names. */
export function paletteCss(selector: string): string {
  const variables = (scheme: keyof Colour) =>
    ALL.map(([name, colour]) => `--${name}:${colour[scheme]}`).join(";");
  return `${selector}{${variables("light")}}@media(prefers-color-scheme:dark){${selector}{${variables("dark")}}}`;
}

/** Replaces light colours in a drawing by the variables that stand for them. */
export function useVariables(svg: string): string {
  let result = svg;
  for (const [name, { light }] of ALL) {
    result = result.replaceAll(`"${light}"`, `"var(--${name})"`);
  }
  return result;
}

/** The variable of a contender's colour, for CSS. */
export function variableOf(contender: string): string {
  return `var(--${contender in SERIES ? contender : "other"})`;
}
